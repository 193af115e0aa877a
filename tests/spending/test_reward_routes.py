"""Rewards in the console: created, changed and listed by the brand's staff."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from backend.identity.brands.authentication import Member, brand_transaction
from backend.spending.rewards import service as rewards
from backend.spending.rewards.staff_schemas import RewardIn, RewardSupplier
from tests.make import World, bearer
from tests.spending.scenario import SpendingScenario

PATH = "/v1/console/offers/tools"
SUPPLIERS = """
[[supplier]]
name = "aggregator"
kind = "generic"
url = "http://127.0.0.1:9/"
token = "secret"
per_second = 5.0
"""


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def programme(world: World, manager):
    return await world.programme(await world.brand_of(manager), currency="RUB")


@pytest.fixture
def body(programme):
    return {
        "programme_id": programme.id,
        "kind": "certificate",
        "fulfilment": "own",
        "name_ru": "Сертификат",
        "least": 100_000,
        "most": 500_000,
        "step": 10_000,
    }


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def test_reward_is_created_and_shown_to_agents(world, manager, body):
    more = {
        "name_en": "Certificate",
        "about_ru": "Во всех магазинах",
        "about_en": "In all shops",
        "shelf": "tools",
        "partner": "Toolmarket",
        "rung": 1,
        "valid_days": 365,
        "ends_at": "2099-01-01T00:00:00Z",
    }

    made = await manager.put(PATH, body | more)

    assert made.status_code == 200
    shown = made.json()
    assert {name: shown[name] for name in body | more} == body | more
    assert (shown["tax"], shown["key"]) == ("gift", "tools")
    read = await manager.get(PATH)
    assert read.json() == shown
    assert read.headers["etag"] == made.headers["etag"]
    again = await manager.put(PATH, body | more)
    assert again.json() == shown
    window = await world.client.get("/v1/offers", headers=bearer(await world.account()))
    assert [row["name"] for row in window.json()["items"]] == ["Certificate"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fulfilment": "instant"}, "fulfilment_unfit"),
        ({"kind": "goods", "fulfilment": "stock"}, "fulfilment_unfit"),
        ({"kind": "service", "fulfilment": "own"}, "fulfilment_unfit"),
        ({"kind": "invoice", "fulfilment": "instant"}, "fulfilment_unfit"),
        ({"kind": "service", "fulfilment": "instant"}, "service_unfit"),
        ({"extends_months": 12}, "service_unfit"),
        ({"defers_days": 14}, "deferral_unfit"),
        ({"kind": "invoice", "fulfilment": "person", "defers_days": 14}, "deferral_unfit"),
        ({"kind": "discount", "fulfilment": "supplier"}, "fulfilment_unfit"),
        ({"most": 50_000}, "nominals_unfit"),
        ({"price": 100}, "nominals_unfit"),
        ({"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"}, "dates_unfit"),
        ({"fulfilment": "supplier"}, "suppliers_unfit"),
        ({"suppliers": [{"name": "aggregator", "product": "1"}]}, "suppliers_unfit"),
        ({"fulfilment": "supplier", "suppliers": [{"name": "x", "product": n} for n in "12"]}, "suppliers_unfit"),
        ({"fulfilment": "supplier", "suppliers": [{"name": "unknown", "product": "1"}]}, "supplier_not_known"),
        ({"stock": 5}, "units_unfit"),
        ({"places": ["Kazan"]}, "places_unfit"),
    ],
)
async def test_invalid_reward_is_refused(manager, body, change, code):
    answer = await manager.put(PATH, body | change)

    assert status_and_code(answer) == (422, code)
    assert status_and_code(await manager.get(PATH)) == (404, "offer_not_kept")


async def test_deferral_reward_has_its_own_price(world, manager, body):
    body |= {"kind": "invoice", "fulfilment": "person", "most": body["least"], "price": 3_000, "defers_days": 14}

    stored = await manager.put(PATH, body)

    (shown,) = (await world.client.get("/v1/offers", headers=bearer(await world.account()))).json()["items"]
    assert (stored.json()["defers_days"], stored.json()["tax"]) == (14, "settlement")
    assert (shown["defers_days"], shown["price"]) == (14, 3_000)


@pytest.mark.parametrize(
    "change", [{"least": 0}, {"rung": 3}, {"tax": "nothing"}, {"defers_days": 0}, {"kind": "x"}, {"name_ru": " "}]
)
async def test_nonsense_is_refused(manager, body, change):
    assert (await manager.put(PATH, body | change)).status_code == 400


async def test_reward_of_another_brands_programme_is_refused(world, manager, body):
    theirs = await world.programme()

    assert status_and_code(await manager.put(PATH, body | {"programme_id": theirs.id})) == (404, "programme_unknown")


@pytest.mark.parametrize(
    ("kind", "tax"),
    [
        ("goods", "gift"),
        ("service", "service"),
        ("charity", "charity"),
        ("marketing", "marketing"),
        ("invoice", "settlement"),
    ],
)
async def test_each_kind_has_its_tax_nature(manager, body, kind, tax):
    answer = await manager.put(PATH, body | {"kind": kind, "fulfilment": "person", "stock": 3})

    assert (answer.json()["tax"], answer.json()["stock"]) == (tax, 3)


@pytest.mark.parametrize("change", [{"kind": "discount"}, {"fulfilment": "stock"}, {"tax": "discount"}])
async def test_kind_fulfilment_and_tax_cannot_change(manager, body, change):
    await manager.put(PATH, body)

    assert status_and_code(await manager.put(PATH, body | change)) == (409, "offer_fixed")


@pytest.mark.parametrize(
    ("kind", "what"), [("service", {"extends_months": 12}), ("invoice", {"defers_days": 14})], ids=["months", "days"]
)
async def test_effect_of_a_reward_cannot_change(manager, body, kind, what):
    body |= {"kind": kind, "fulfilment": "person", "most": body["least"]}
    await manager.put(PATH, body | what)
    more = {name: value + 1 for name, value in what.items()}

    assert [status_and_code(await manager.put(PATH, body | change)) for change in (more, {})] == [
        (409, "offer_fixed")
    ] * 2
    assert (await manager.put(PATH, body | what | {"name_ru": "Иначе"})).status_code == 200


async def test_archived_reward_is_hidden_until_restored(world, manager, body):
    await manager.put(PATH, body)
    agent = bearer(await world.account())

    gone = await manager.put(PATH, body | {"archived": True})

    assert "archived_at" in gone.json()
    assert (await manager.put(PATH, body | {"archived": True})).json() == gone.json()
    assert (await world.client.get("/v1/offers", headers=agent)).json()["items"] == []
    assert (await manager.get("/v1/console/offers")).json()["items"] == []
    listed = (await manager.get("/v1/console/offers", params={"archived": True})).json()["items"]
    assert [row["key"] for row in listed] == ["tools"]
    assert "archived_at" not in (await manager.put(PATH, body)).json()
    assert len((await world.client.get("/v1/offers", headers=agent)).json()["items"]) == 1


async def test_reward_write_with_stale_etag_is_refused(manager, body):
    tag = (await manager.put(PATH, body)).headers["etag"]

    answers = await asyncio.gather(
        *(manager.put(PATH, body | {"name_ru": name}, headers={"If-Match": tag}) for name in ("Раз", "Два"))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_concurrent_creations_make_one_reward(manager, body):
    answers = await asyncio.gather(*(manager.put(PATH, body) for _ in range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_rewards_are_paginated_by_key(manager, body):
    for key in ("c", "a", "b"):
        await manager.put(f"/v1/console/offers/{key}", body)

    first = (await manager.get("/v1/console/offers", params={"limit": 2})).json()
    second = (await manager.get("/v1/console/offers", params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]
    assert "next" not in second


async def test_nominals_in_stock_cannot_be_removed(world, manager, programme, body):
    body = body | {"fulfilment": "stock"}
    await manager.put(PATH, body)
    async with world.db.begin() as session:
        offer = await rewards.find_reward(session, Member(manager.brand_id, manager.id, "manager", 0), "tools")
    await SpendingScenario(world, programme).stock(offer, 1, nominal=200_000)

    refused = await manager.put(PATH, body | {"most": 190_000})
    accepted = await manager.put(PATH, body | {"most": 200_000})

    assert status_and_code(refused) == (409, "nominals_in_stock")
    assert accepted.status_code == 200


async def test_suppliers_of_the_installation_are_accepted(world, manager, programme, settings, tmp_path):
    file = tmp_path / "suppliers.toml"
    file.write_text(SUPPLIERS)
    file.chmod(0o600)
    wanted = RewardIn(
        programme.id, "certificate", "supplier", "Сертификат", 1000, suppliers=[RewardSupplier("aggregator", "7")]
    )
    member = Member(manager.brand_id, manager.id, "manager", 0)
    own = msgspec.structs.replace(settings, suppliers=file)

    async with brand_transaction(world.db, member) as session:
        made = await rewards.put_reward(session, own, member, "theirs", wanted, datetime.now(UTC))

    assert made.suppliers == [{"name": "aggregator", "product": "7"}]
    wanted.suppliers.append(RewardSupplier("stranger", "8"))
    async with brand_transaction(world.db, member) as session:
        with pytest.raises(rewards.SupplierNotConfigured):
            await rewards.put_reward(session, own, member, "theirs", wanted, datetime.now(UTC))
