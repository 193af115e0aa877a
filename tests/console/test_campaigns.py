"""Campaigns: rules in versions, states, budgets."""

import asyncio

import pytest
from sqlalchemy import text

from backend.programmes.budgets import spread
from tests.make import World

STARTS, ENDS = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
FIXED = {"ways": ["package"], "amount": {"type": "fixed", "value": 100}}


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def programme(world: World, manager):
    return await world.programme(await world.brand_of(manager), currency="RUB")


@pytest.fixture
def body(programme):
    """A draft that pays one rouble a pack."""
    return {"programme_id": programme.id, "name_ru": "Осень", "name_en": "Autumn", "starts_at": STARTS, "rule": FIXED}


@pytest.fixture
async def code(world: World, manager, programme):
    """Gives one printed code after the other."""
    product = await world.product(manager.brand_id, sku="A", price=10000)
    return iter(world.codes_of(await world.batch(programme, product)))


async def rules_version(world, programme):
    async with world.db.begin() as session:
        row = text("SELECT rules_version FROM programmes WHERE id = :id")
        return await session.scalar(row, {"id": programme.id})


async def test_a_draft_pays_nothing_and_an_active_campaign_pays(world: World, manager, body, code):
    account = await world.account()
    draft = await manager.put("/v1/console/campaigns/autumn", body)
    unpaid = (await world.scan(account, next(code))).json()

    active = await manager.put("/v1/console/campaigns/autumn", body | {"state": "active"})
    paid = (await world.scan(account, next(code))).json()

    assert [answer.status_code for answer in (draft, active)] == [200, 200]
    assert (unpaid["status"], unpaid["reason"]) == ("refused", "no_campaign")
    assert (paid["status"], paid["amount"]) == ("credited", 100)


async def test_a_campaign_is_read_as_it_was_written(world: World, manager, body):
    product = await world.product(manager.brand_id, sku="10/2")
    rule = FIXED | {"products": [product.sku], "cap_per_agent_day": 500, "hold_days": 14, "lifetime_days": 365}

    written = (await manager.put("/v1/console/campaigns/autumn", body | {"rule": rule, "budget": 1000})).json()

    assert (written["rule"], written["budget"], written["remaining"]) == (rule, 1000, 1000)
    assert (written["state"], written["version"]) == ("draft", 1)
    read = (await manager.get("/v1/console/campaigns/autumn")).json()
    assert read == written
    (listed,) = (await manager.get("/v1/console/campaigns")).json()["items"]
    assert listed == {name: value for name, value in written.items() if name != "versions"}


async def test_the_same_body_again_makes_no_version(world: World, manager, programme, body):
    first = (await manager.put("/v1/console/campaigns/autumn", body)).json()
    before = await rules_version(world, programme)

    again = (await manager.put("/v1/console/campaigns/autumn", body)).json()

    assert again == first
    assert await rules_version(world, programme) == before


async def test_another_rule_is_a_new_version_and_old_accruals_keep_theirs(world: World, manager, body, code):
    body |= {"state": "active"}
    await manager.put("/v1/console/campaigns/autumn", body)
    account = await world.account()
    old = next(code)
    await world.scan(account, old)

    dearer = body | {"name_en": "Late autumn", "rule": FIXED | {"amount": {"type": "fixed", "value": 200}}}
    changed = (await manager.put("/v1/console/campaigns/autumn", dearer)).json()
    new_scan = (await world.scan(account, next(code))).json()
    old_scan = (await world.scan(account, old)).json()

    assert [row["version"] for row in changed["versions"]] == [2, 1]
    assert [row["rule"]["amount"]["value"] for row in changed["versions"]] == [200, 100]
    assert changed["versions"][0]["staff_id"] == manager.id
    assert new_scan["explanation"]["text"].startswith("Late autumn: ")
    assert new_scan["amount"] == 200
    assert old_scan["explanation"]["text"].startswith("Autumn: ")
    assert old_scan["amount"] == 100


async def test_a_rule_for_some_products_pays_for_these_only(world: World, manager, programme, body):
    named, other = [await world.product(manager.brand_id, sku=sku) for sku in ("A", "B")]
    codes = [world.codes_of(await world.batch(programme, product))[0] for product in (named, other)]
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "active", "rule": FIXED | {"products": ["A"]}})
    account = await world.account()

    scans = [(await world.scan(account, scanned)).json()["status"] for scanned in codes]

    assert scans == ["credited", "refused"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"ends_at": STARTS}, 422, "dates_invalid"),
        ({"starts_at": "1999-12-31T00:00:00Z"}, 422, "dates_invalid"),
        ({"starts_at": "2026-01-01T00:00:00"}, 400, "validation_failed"),
        ({"ends_at": "9999-12-31T23:59:59Z"}, 422, "dates_invalid"),
        ({"rule": FIXED | {"hold_days": 30, "lifetime_days": 30}}, 422, "lifetime_too_short"),
        ({"rule": FIXED | {"cap_per_agent_day": 99}}, 422, "cap_too_low"),
        ({"rule": FIXED | {"products": ["NONE"]}}, 422, "products_unknown"),
        ({"rule": FIXED | {"unlisted": True, "hold_days": 1}}, 422, "unlisted_unguarded"),
        ({"rule": FIXED | {"unlisted": True, "cap_per_agent_day": 500}}, 422, "unlisted_unguarded"),
        ({"rule": FIXED | {"products": []}}, 400, "validation_failed"),
        ({"rule": FIXED | {"ways": []}}, 400, "validation_failed"),
        ({"rule": FIXED | {"amount": {"type": "percent", "basis_points": 10001}}}, 400, "validation_failed"),
        ({"rule": FIXED | {"segments": ["gold"]}}, 400, "validation_failed"),
        ({"programme_id": 10**15}, 404, "programme_unknown"),
        ({"programme_id": 2**63}, 400, "validation_failed"),
        ({"budget": 0}, 400, "validation_failed"),
        ({"state": "paused"}, 409, "state_unreachable"),
        ({"name_ru": " "}, 400, "validation_failed"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_nothing_stays(manager, body, changes, status, code):
    response = await manager.put("/v1/console/campaigns/autumn", body | changes)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await manager.get("/v1/console/campaigns/autumn")).status_code == 404


async def test_unknown_products_are_named(manager, body):
    response = await manager.put("/v1/console/campaigns/autumn", body | {"rule": FIXED | {"products": ["B", "A"]}})

    assert "A, B" in response.json()["detail"]


async def test_states_go_their_way_only(manager, body):
    async def move(state):
        return (await manager.put("/v1/console/campaigns/autumn", body | {"state": state})).status_code

    way = [await move(state) for state in ("draft", "active", "draft", "paused", "active", "ended", "active", "ended")]

    assert way == [200, 200, 409, 200, 200, 200, 409, 200]


async def test_an_ended_campaign_stays_as_it_was(manager, body):
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "ended"})

    response = await manager.put("/v1/console/campaigns/autumn", body | {"state": "ended", "name_en": "Other"})

    assert (response.status_code, response.json()["code"]) == (409, "campaign_ended")


async def test_a_campaign_stays_in_its_programme(world: World, manager, body):
    other = await world.programme(await world.brand_of(manager))
    await manager.put("/v1/console/campaigns/autumn", body)

    response = await manager.put("/v1/console/campaigns/autumn", body | {"programme_id": other.id})

    assert (response.status_code, response.json()["code"]) == (409, "programme_fixed")


async def test_a_paused_campaign_pays_nothing(world: World, manager, body, code):
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "active"})
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "paused"})

    scanned = (await world.scan(await world.account(), next(code))).json()

    assert scanned["reason"] == "no_campaign"


async def test_a_budget_is_spent_topped_up_and_lowered_to_what_was_paid(world: World, manager, body, code):
    async def scan():
        return (await world.scan(await world.account(), next(code))).json()["status"]

    async def budget(value):
        return await manager.put("/v1/console/campaigns/autumn", body | {"state": "active", "budget": value})

    await budget(150)
    first, second = await scan(), await scan()
    topped = (await budget(250)).json()
    third = await scan()
    too_low = await budget(199)
    lowered = (await budget(200)).json()

    assert (first, second, third) == ("credited", "refused", "credited")
    assert (topped["budget"], topped["remaining"]) == (250, 150)
    assert (too_low.status_code, too_low.json()["code"]) == (409, "budget_spent")
    assert (lowered["remaining"], await scan()) == (0, "refused")


async def test_a_lifted_budget_counts_anew_when_it_is_set_again(world: World, manager, body, code):
    async def budget(value):
        answer = await manager.put("/v1/console/campaigns/autumn", body | {"state": "active", "budget": value})
        return answer.json().get("remaining")

    await budget(100)
    await world.scan(await world.account(), next(code))

    assert [await budget(None), await budget(100)] == [None, 100]


async def test_many_top_ups_under_way_with_payments_lose_nothing(world: World, manager, body, code):
    body |= {"state": "active"}
    await manager.put("/v1/console/campaigns/autumn", body | {"budget": 10000})
    accounts = [await world.account() for _ in range(10)]
    tops = [manager.put("/v1/console/campaigns/autumn", body | {"budget": 10000 + n}) for n in range(1, 6)]

    answers = await asyncio.gather(*(world.scan(account, next(code)) for account in accounts), *tops)

    assert {answer.status_code for answer in answers} == {200}
    paid = sum(answer.json().get("amount", 0) for answer in answers[:10])
    left = (await manager.get("/v1/console/campaigns/autumn")).json()
    assert left["budget"] - left["remaining"] == paid


@pytest.mark.parametrize("total", [0, 1, 15, 16, 17, 10**12 + 7])
def test_sixteen_parts_are_even_and_lose_nothing(total):
    parts = spread(total)

    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


async def test_a_write_against_a_stale_etag_is_refused(manager, body):
    stale = (await manager.put("/v1/console/campaigns/autumn", body)).headers["etag"]
    fresh = (await manager.put("/v1/console/campaigns/autumn", body | {"budget": 5})).headers["etag"]

    refused = await manager.put("/v1/console/campaigns/autumn", body, headers={"If-Match": stale})
    taken = await manager.put("/v1/console/campaigns/autumn", body, headers={"If-Match": fresh})

    assert (refused.status_code, taken.status_code) == (412, 200)


async def test_many_who_make_one_campaign_at_once_make_one(manager, body):
    answers = await asyncio.gather(*(manager.put("/v1/console/campaigns/autumn", body) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert {(answer.json()["id"], answer.json()["version"]) for answer in answers} == {(answers[0].json()["id"], 1)}


async def test_a_draft_rule_is_tried_on_what_could_happen(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A", price=123450)
    rule = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 150}, "hold_days": 14}
    asked = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A", "at": "2026-11-22T21:30:00Z"}

    told = (await manager.ask("POST", "/v1/console/campaigns/previews", json=asked)).json()

    assert (told["applies"], told["amount"]) == (True, 1852)
    # Half past nine in the evening in London is the next day in Moscow.
    assert told["explanation"]["available_on"] == "2026-12-07"
    assert (await manager.get("/v1/console/campaigns")).json()["items"] == []


async def test_a_draft_rule_for_another_way_says_that_it_does_not_apply(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A")
    asked = {"programme_id": programme.id, "rule": FIXED, "way": "receipt", "sku": "A"}

    told = await manager.ask("POST", "/v1/console/campaigns/previews", json=asked)

    assert (told.status_code, told.json()) == (200, {"applies": False})


@pytest.mark.parametrize(("unlisted", "applies"), [(True, True), (False, False)])
async def test_a_unit_in_no_list_is_paid_for_only_where_the_rule_says_so(
    world: World, manager, programme, unlisted, applies
):
    await world.product(manager.brand_id, sku="A")
    rule = {"ways": ["marking"], "amount": FIXED["amount"], "unlisted": unlisted, "hold_days": 7}
    asked = {"programme_id": programme.id, "rule": rule | {"cap_per_agent_day": 500}, "way": "marking", "sku": "A"}

    told = (await manager.ask("POST", "/v1/console/campaigns/previews", json=asked | {"listed": False})).json()

    assert told["applies"] is applies


async def test_a_preview_hits_the_cap(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A")
    rule = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 5000}, "cap_per_agent_day": 1000}
    asked = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A", "price": 10000}

    told = (await manager.ask("POST", "/v1/console/campaigns/previews", json=asked)).json()

    assert (told["amount"], told["explanation"]["gross"], told["explanation"]["cap"]) == (1000, 5000, "agent_day")


async def test_the_list_goes_by_key_and_cursor(manager, body):
    for key in ("c", "a", "b"):
        await manager.put(f"/v1/console/campaigns/{key}", body)

    first = (await manager.get("/v1/console/campaigns", params={"limit": 2})).json()
    second = (await manager.get("/v1/console/campaigns", params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]
