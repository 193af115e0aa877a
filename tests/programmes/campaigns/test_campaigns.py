"""Campaigns: rules in versions, states, budgets."""

import asyncio

import pytest

from backend.programmes.campaigns.budgets import split_into_slices
from tests.make import World
from tests.programmes.campaigns.conftest import FIXED, STARTS, rules_version


async def test_draft_campaign_pays_only_once_active(world: World, manager, body, code):
    account = await world.account()
    draft = await manager.put("/v1/console/campaigns/autumn", body)
    unpaid = (await world.scan(account, next(code))).json()

    active = await manager.put("/v1/console/campaigns/autumn", body | {"state": "active"})
    paid = (await world.scan(account, next(code))).json()

    assert [answer.status_code for answer in (draft, active)] == [200, 200]
    assert (unpaid["status"], unpaid["reason"]) == ("refused", "no_campaign")
    assert (paid["status"], paid["amount"]) == ("credited", 100)


async def test_campaign_is_read_as_written(world: World, manager, body):
    product = await world.product(manager.brand_id, sku="10/2")
    rule = FIXED | {"products": [product.sku], "cap_per_agent_day": 500, "hold_days": 14, "lifetime_days": 365}

    written = (await manager.put("/v1/console/campaigns/autumn", body | {"rule": rule, "budget": 1000})).json()

    assert (written["rule"], written["budget"], written["remaining"]) == (rule, 1000, 1000)
    assert (written["state"], written["version"]) == ("draft", 1)
    read = (await manager.get("/v1/console/campaigns/autumn")).json()
    assert read == written
    (listed,) = (await manager.get("/v1/console/campaigns")).json()["items"]
    assert listed == {name: value for name, value in written.items() if name != "versions"}


async def test_unchanged_campaign_has_no_new_version(world: World, manager, programme, body):
    first = (await manager.put("/v1/console/campaigns/autumn", body)).json()
    before = await rules_version(world, programme)

    again = (await manager.put("/v1/console/campaigns/autumn", body)).json()

    assert again == first
    assert await rules_version(world, programme) == before


async def test_changed_rule_is_a_version_for_new_awards(world: World, manager, body, code):
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


async def test_rule_with_products_pays_only_for_these(world: World, manager, programme, body):
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
        ({"rule": FIXED | {"stacks": True, "exclusive": True}}, 422, "stacking_invalid"),
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
async def test_invalid_campaign_is_refused_and_not_stored(manager, body, changes, status, code):
    response = await manager.put("/v1/console/campaigns/autumn", body | changes)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await manager.get("/v1/console/campaigns/autumn")).status_code == 404


async def test_unknown_products_of_a_rule_are_named(manager, body):
    response = await manager.put("/v1/console/campaigns/autumn", body | {"rule": FIXED | {"products": ["B", "A"]}})

    assert "A, B" in response.json()["detail"]


async def test_campaign_state_changes_only_forward(manager, body):
    async def move(state):
        return (await manager.put("/v1/console/campaigns/autumn", body | {"state": state})).status_code

    way = [await move(state) for state in ("draft", "active", "draft", "paused", "active", "ended", "active", "ended")]

    assert way == [200, 200, 409, 200, 200, 200, 409, 200]


async def test_ended_campaign_cannot_change(manager, body):
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "ended"})

    response = await manager.put("/v1/console/campaigns/autumn", body | {"state": "ended", "name_en": "Other"})

    assert (response.status_code, response.json()["code"]) == (409, "campaign_ended")


async def test_campaign_cannot_change_its_programme(world: World, manager, body):
    other = await world.programme(await world.brand_of(manager))
    await manager.put("/v1/console/campaigns/autumn", body)

    response = await manager.put("/v1/console/campaigns/autumn", body | {"programme_id": other.id})

    assert (response.status_code, response.json()["code"]) == (409, "programme_fixed")


async def test_paused_campaign_pays_nothing(world: World, manager, body, code):
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "active"})
    await manager.put("/v1/console/campaigns/autumn", body | {"state": "paused"})

    scanned = (await world.scan(await world.account(), next(code))).json()

    assert scanned["reason"] == "no_campaign"


async def test_budget_is_raised_and_lowered_to_the_paid(world: World, manager, body, code):
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


async def test_removed_budget_counts_anew_when_set_again(world: World, manager, body, code):
    async def budget(value):
        answer = await manager.put("/v1/console/campaigns/autumn", body | {"state": "active", "budget": value})
        return answer.json().get("remaining")

    await budget(100)
    await world.scan(await world.account(), next(code))

    assert [await budget(None), await budget(100)] == [None, 100]


async def test_concurrent_budget_changes_and_awards_stay_consistent(world: World, manager, body, code):
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
def test_budget_is_divided_into_sixteen_even_parts(total):
    parts = split_into_slices(total)

    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


async def test_campaign_write_with_stale_etag_is_refused(manager, body):
    stale = (await manager.put("/v1/console/campaigns/autumn", body)).headers["etag"]
    fresh = (await manager.put("/v1/console/campaigns/autumn", body | {"budget": 5})).headers["etag"]

    refused = await manager.put("/v1/console/campaigns/autumn", body, headers={"If-Match": stale})
    accepted = await manager.put("/v1/console/campaigns/autumn", body, headers={"If-Match": fresh})

    assert (refused.status_code, accepted.status_code) == (412, 200)


async def test_concurrent_creations_make_one_campaign(manager, body):
    answers = await asyncio.gather(*(manager.put("/v1/console/campaigns/autumn", body) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert {(answer.json()["id"], answer.json()["version"]) for answer in answers} == {(answers[0].json()["id"], 1)}


async def test_preview_of_a_draft_rule_has_an_explanation(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A", price=123450)
    rule = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 150}, "hold_days": 14}
    draft = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A", "at": "2026-11-22T21:30:00Z"}

    preview = (await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)).json()

    assert (preview["applies"], preview["amount"]) == (True, 1852)
    # Half past nine in the evening in London is the next day in Moscow.
    assert preview["explanation"]["available_on"] == "2026-12-07"
    assert (await manager.get("/v1/console/campaigns")).json()["items"] == []


async def test_preview_of_another_way_does_not_apply(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A")
    draft = {"programme_id": programme.id, "rule": FIXED, "way": "receipt", "sku": "A"}

    preview = await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)

    assert (preview.status_code, preview.json()["applies"]) == (200, False)


@pytest.mark.parametrize(("unlisted", "applies"), [(True, True), (False, False)])
async def test_unlisted_unit_is_paid_only_if_allowed(world: World, manager, programme, unlisted, applies):
    await world.product(manager.brand_id, sku="A")
    rule = {"ways": ["marking"], "amount": FIXED["amount"], "unlisted": unlisted, "hold_days": 7}
    draft = {"programme_id": programme.id, "rule": rule | {"cap_per_agent_day": 500}, "way": "marking", "sku": "A"}

    preview = (await manager.ask("POST", "/v1/console/campaigns/previews", json=draft | {"listed": False})).json()

    assert preview["applies"] is applies


async def test_preview_respects_the_cap(world: World, manager, programme):
    await world.product(manager.brand_id, sku="A")
    rule = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 5000}, "cap_per_agent_day": 1000}
    draft = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A", "price": 10000}

    preview = (await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)).json()

    assert (preview["amount"], preview["explanation"]["gross"], preview["explanation"]["cap"]) == (
        1000,
        5000,
        "agent_day",
    )


async def test_campaigns_are_paginated_by_key(manager, body):
    for key in ("c", "a", "b"):
        await manager.put(f"/v1/console/campaigns/{key}", body)

    first = (await manager.get("/v1/console/campaigns", params={"limit": 2})).json()
    second = (await manager.get("/v1/console/campaigns", params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["key"] for row in first["items"] + second["items"]] == ["a", "b", "c"]
