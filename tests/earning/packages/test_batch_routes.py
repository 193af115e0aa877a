"""Batches in the console over HTTP."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from backend.earning.packages.slot_keys import slot_key
from scanning.codes import package
from tests.make import World


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def body(world: World, manager):
    """What makes a batch of a product whose codes pay 100 points."""
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(programme.brand_id)
    await world.campaign(programme)
    return {"programme_id": programme.id, "sku": product.sku, "count": 100}


def path(key, *more):
    return "/".join(["/v1/console/batches", str(key), *more])


async def code_at(world, batch, position):
    async with world.db.begin() as session:
        row = (await session.connection()).exec_driver_sql
        slot, first = (await row("SELECT slot, first_serial FROM batches WHERE key = %s", (batch["id"],))).one()
    return package.encode(slot_key(world.settings.master_key, slot), slot, first + position - 1)


async def scanned(world, batch, position):
    answer = (await world.scan(await world.account(), await code_at(world, batch, position))).json()
    return answer.get("reason", answer["status"])


async def test_batch_is_created_and_read(manager, body):
    key = uuid.uuid4()

    made = await manager.put(path(key), body | {"note": "Roll 12"})
    read = await manager.get(path(key))

    answer = made.json()
    assert made.status_code == 200
    assert read.json() == answer
    assert answer | {"created_at": "", "slot": 0} == body | {
        "id": str(key),
        "codes": "computed",
        "state": "generated",
        "states": {"generated": 100},
        "claimed": 0,
        "ranges": [{"first": 1, "last": 100, "state": "generated"}],
        "note": "Roll 12",
        "created_at": "",
        "slot": 0,
    }
    assert (await manager.get(path(key), headers={"If-None-Match": read.headers["etag"]})).status_code == 304


async def test_repeated_batch_with_another_body_is_refused(manager, body):
    key = uuid.uuid4()

    first = await manager.put(path(key), body)
    again = await manager.put(path(key), body)
    other = await manager.put(path(key), body | {"count": 101})

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "body_changed")


async def test_pallet_is_dispatched_and_revoked_by_positions(world, manager, body):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()
    await manager.put(path(batch["id"], "state"), {"state": "printed"})
    reasons = []

    for state in ("active", "printed", "active", "revoked"):
        answer = await manager.put(path(batch["id"], "ranges", "11-20"), {"state": state})
        assert answer.status_code == 200
        reasons.append(await scanned(world, batch, {"active": 11 + len(reasons)}.get(state, 19)))

    assert reasons == ["credited", "not_active", "credited", "revoked"]
    assert answer.json()["ranges"] == [
        {"first": 1, "last": 10, "state": "printed"},
        {"first": 11, "last": 20, "state": "revoked"},
        {"first": 21, "last": 100, "state": "printed"},
    ]
    assert answer.json()["states"] == {"printed": 90, "revoked": 10}
    assert answer.json()["claimed"] == 2
    assert await scanned(world, batch, 21) == "not_active"


async def test_planned_dispatch_is_active_from_its_time(world, manager, body):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()
    await manager.put(path(batch["id"], "state"), {"state": "printed"})
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)

    answer = await manager.put(path(batch["id"], "state"), {"state": "active", "active_from": soon.isoformat()})

    (span,) = answer.json()["ranges"]
    assert datetime.fromisoformat(span["active_from"]) == soon
    assert await scanned(world, batch, 1) == "not_active"


@pytest.mark.parametrize(
    ("more", "change", "status", "code"),
    [
        (["state"], {"state": "active"}, 409, "state_forbidden"),
        (["state"], {"state": "printed", "active_from": "2026-12-01T00:00:00Z"}, 422, "start_invalid"),
        (["ranges", "1-101"], {"state": "printed"}, 422, "positions_unknown"),
        (["ranges", "20-11"], {"state": "printed"}, 422, "positions_unknown"),
        (["ranges", "0-5"], {"state": "printed"}, 400, "validation_failed"),
        (["ranges", "a"], {"state": "printed"}, 400, "validation_failed"),
        (["ranges", "1-99999999999"], {"state": "printed"}, 400, "validation_failed"),
        (["state"], {"state": "lost"}, 400, "validation_failed"),
        (["state"], {"state": "active", "active_from": "2026-12-01T00:00:00"}, 400, "validation_failed"),
    ],
)
async def test_impossible_state_change_is_refused(manager, body, more, change, status, code):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()

    answer = await manager.put(path(batch["id"], *more), change)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await manager.get(path(batch["id"]))).json() == batch


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"sku": "none"}, 404, "product_unknown"),
        ({"programme_id": 10**12}, 404, "programme_unknown"),
        ({"count": None}, 422, "count_invalid"),
        ({"codes": "imported"}, 422, "count_invalid"),
        ({"codes": "marked", "count": None}, 422, "gtin_missing"),
        ({"count": 0}, 400, "validation_failed"),
        ({"count": 10**10}, 400, "validation_failed"),
        ({"note": "two\nlines"}, 400, "validation_failed"),
        ({"slot": 3}, 400, "validation_failed"),
    ],
)
async def test_invalid_batch_is_refused(manager, body, change, status, code):
    answer = await manager.put(path(uuid.uuid4()), body | change)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_hundred_million_codes_are_created_at_once(world, manager, body):
    answer = await manager.put(path(uuid.uuid4()), body | {"count": 100_000_000})
    batch = answer.json()
    await manager.put(path(batch["id"], "state"), {"state": "printed"})
    await manager.put(path(batch["id"], "ranges", "99999999-100000000"), {"state": "active"})

    assert answer.status_code == 200
    assert await scanned(world, batch, 100_000_000) == "credited"
    assert await scanned(world, batch, 99_999_998) == "not_active"


async def test_batches_and_ranges_are_paginated(manager, body):
    keys = [str(uuid.uuid4()) for _ in range(5)]
    for key in keys:
        await manager.put(path(key), body)
    await manager.put(path(keys[0], "state"), {"state": "printed"})
    for first in range(1, 100, 10):
        await manager.put(path(keys[0], "ranges", f"{first}-{first + 4}"), {"state": "active"})

    listed = await all_pages(manager, "/v1/console/batches?limit=2")
    ranges = await all_pages(manager, path(keys[0], "ranges?limit=3"))

    assert [line["id"] for line in listed] == keys[::-1]
    assert [(row["first"], row["last"]) for row in ranges] == [(first, first + 4) for first in range(1, 100, 5)]
    assert {row["state"] for row in ranges[::2]} == {"active"}


async def test_concurrent_changes_of_a_batch_both_apply(manager, body):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()
    await manager.put(path(batch["id"], "state"), {"state": "printed"})

    answers = await asyncio.gather(
        *(manager.put(path(batch["id"], "ranges", f"{n}-{n}"), {"state": "active"}) for n in range(1, 21))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert (await manager.get(path(batch["id"]))).json()["ranges"] == [
        {"first": 1, "last": 20, "state": "active"},
        {"first": 21, "last": 100, "state": "printed"},
    ]


async def test_another_brand_finds_no_batch(world, manager, body):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()
    stranger = await world.staff()

    answers = [
        await stranger.get(path(batch["id"])),
        await stranger.get(path(batch["id"], "ranges")),
        await stranger.put(path(batch["id"], "state"), {"state": "printed"}),
        await stranger.put(path(batch["id"], "ranges", "1-5"), {"state": "revoked"}),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "batch_unknown")}
    assert (await stranger.get("/v1/console/batches")).json()["items"] == []


@pytest.mark.parametrize("role", ["analyst", "reviewer"])
async def test_readers_cannot_change_batches(world, manager, body, role):
    batch = (await manager.put(path(uuid.uuid4()), body)).json()
    looker = await world.staff(await world.brand_of(manager), role=role)

    seen = await looker.get(path(batch["id"]))
    refused = [
        await looker.put(path(uuid.uuid4()), body),
        await looker.put(path(batch["id"], "state"), {"state": "printed"}),
        await looker.put(path(batch["id"], "ranges", "1-5"), {"state": "revoked"}),
    ]

    assert seen.json() == batch
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(403, "role_forbids")}


async def all_pages(manager, address):
    items, cursor = [], ""
    while cursor is not None:
        page = (await manager.get(address + cursor)).json()
        items += page["items"]
        cursor = f"&cursor={page['next']}" if "next" in page else None
    return items
