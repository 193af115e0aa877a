"""Lists of codes that others printed, over HTTP."""

import uuid

import pytest

from tests.make import World

CODES = ["Q7-TTK2-9ZPA-41", "Q7-9F4M-22LD-0X", "Q7-1C8S-RWQ5-N3"]
GTIN = "04600439931256"


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def body(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(programme.brand_id, gtin=GTIN)
    await world.campaign(programme)
    return {"programme_id": programme.id, "sku": product.sku, "codes": "imported"}


@pytest.fixture
async def batch(manager, body):
    return (await manager.put(f"/v1/console/batches/{uuid.uuid4()}", body)).json()


async def send(worker, batch, content, media="text/csv"):
    return await worker.ask(
        "PUT", f"/v1/console/batches/{batch['id']}/codes", content=content, headers={"Content-Type": media}
    )


async def test_code_list_imported_and_activated_pays(world, manager, batch):
    answer = await send(manager, batch, "code\n" + "\n".join([*CODES, "short", CODES[0]]))
    state = f"/v1/console/batches/{batch['id']}/state"
    active = await manager.put(state, {"state": "active"})

    paid = (await world.scan(await world.account(), CODES[0])).json()

    assert (batch["state"], batch["count"]) == ("printed", 0)
    assert answer.status_code == 200
    assert answer.json() == {
        "rows": 5,
        "accepted": 3,
        "refused": {"guessable": 1, "repeated": 1},
        "first_refused": [{"line": 5, "reason": "guessable"}, {"line": 6, "reason": "repeated", "same_as": 2}],
    }
    assert (active.json()["count"], active.json()["states"]) == (3, {"active": 3})
    assert (paid["kind"], paid["status"]) == ("package", "credited")


async def test_marked_units_are_imported(world, manager, body):
    batch = (await manager.put(f"/v1/console/batches/{uuid.uuid4()}", body | {"codes": "marked"})).json()

    answer = await send(manager, batch, f"01{GTIN}215a'bC\x1d93abcd\n", "text/csv; charset=utf-8")

    assert answer.json() == {"rows": 1, "accepted": 1, "refused": {}}


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        ("", "text/csv", 422, "no_codes"),
        ("\n".join(CODES).encode("utf-32"), "text/csv", 422, "list_unreadable"),
        ("\n".join(f"9000{number:012}" for number in range(50)), "text/csv", 422, "codes_count"),
        ("x", "application/json", 415, None),
        ("x", "application/octet-stream", 415, None),
    ],
)
async def test_file_without_a_code_list_is_refused(manager, batch, content, media, status, code):
    answer = await send(manager, batch, content, media)

    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code


async def test_code_list_for_a_computed_batch_is_refused(manager, body):
    batch = (await manager.put(f"/v1/console/batches/{uuid.uuid4()}", body | {"codes": "computed", "count": 5})).json()

    answer = await send(manager, batch, CODES[0])

    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_list")


async def test_code_list_of_several_megabytes_is_imported(manager, batch):
    lines = "".join(f"{'x' * 300}{number}\n" for number in range(40_000))

    answer = await send(manager, batch, lines)

    assert len(lines) > 10_000_000
    assert answer.json()["refused"] == {"too_long": 40_000}


async def test_code_list_import_is_for_owners_and_managers(world, manager, batch):
    analyst = await world.staff(await world.brand_of(manager), role="analyst")
    stranger = await world.staff()

    answers = [await send(worker, batch, CODES[0]) for worker in (analyst, stranger)]

    assert [answer.json()["code"] for answer in answers] == ["role_forbids", "batch_unknown"]
