"""Rules that would never pay, fields of a rule, reasons in previews, and planned versions."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.programmes.campaigns.planned_versions import begin_planned_versions
from backend.programmes.rules.rule import ActiveCampaign, Facts, FixedAmount, Rule, decide_award
from tests.make import World
from tests.programmes.campaigns.conftest import FIXED, rules_version

PATH = "/v1/console/campaigns/autumn"
PERCENT = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 100}}
DUE = text("UPDATE campaigns SET next_at = now() - interval '1 second' RETURNING id")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def offer(campaign_id, value, **fields):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(value), **fields)
    return ActiveCampaign(campaign_id, campaign_id, 1, NOW, None, budgeted=False, rule=rule)


def later(days=1):
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0).isoformat()


@pytest.mark.parametrize("ways", [["referral"], ["equipment"], ["equipment", "referral"]])
async def test_active_campaign_of_unserved_ways_is_refused(manager, body, ways):
    answer = await manager.put(PATH, body | {"state": "active", "rule": FIXED | {"ways": ways}})

    assert (answer.status_code, answer.json()["code"]) == (422, "rule_never_pays")


async def test_campaign_with_one_unserved_way_is_warned_of(manager, body):
    rule = FIXED | {"ways": ["equipment", "package"]}

    made = (await manager.put(PATH, body | {"state": "active", "rule": rule})).json()

    assert [row["code"] for row in made["warnings"]] == ["way_not_served"]


async def test_share_of_products_without_price_is_warned_of(world: World, manager, body):
    await world.product(manager.brand_id, sku="NOPRICE", price=None)
    await world.product(manager.brand_id, sku="PRICED", price=100)

    made = (await manager.put(PATH, body | {"rule": PERCENT})).json()

    (warned,) = made["warnings"]
    assert warned["code"] == "products_without_price"
    assert "NOPRICE" in warned["text"]
    assert "PRICED" not in warned["text"]


async def test_budget_below_one_payment_is_warned_of(manager, body):
    made = (await manager.put(PATH, body | {"budget": 50})).json()

    assert [row["code"] for row in made["warnings"]] == ["budget_too_small"]


async def test_rule_fields_are_stored(manager, body):
    rule = FIXED | {"ways": ["receipt"], "units_per_receipt": 3, "receipt_days": 14, "priority": 7, "stacks": True}

    made = (await manager.put(PATH, body | {"rule": rule})).json()

    assert made["rule"] == rule


def test_offer_of_higher_priority_wins():
    decision = decide_award([offer(1, 500), offer(2, 100, priority=1)], Facts("package", 1, None, NOW), "UTC")

    assert (decision.campaign.campaign_id, decision.gross) == (2, 100)


def test_offer_among_equal_priorities_is_the_better_one():
    decision = decide_award(
        [offer(1, 100, priority=1), offer(2, 500, priority=1)], Facts("package", 1, None, NOW), "UTC"
    )

    assert decision.campaign.campaign_id == 2


@pytest.mark.parametrize(
    ("rule", "facts", "reason"),
    [
        (FIXED, {"way": "receipt"}, "other_way"),
        (FIXED | {"products": ["OTHER"]}, {}, "other_products"),
        (PERCENT, {"sku": "NOPRICE"}, "no_price"),
        (PERCENT, {"price": 1}, "rounds_to_nothing"),
        (FIXED | {"ways": ["marking"]}, {"way": "marking", "listed": False}, "not_listed"),
    ],
)
async def test_preview_that_pays_nothing_has_reason(world: World, manager, programme, rule, facts, reason):
    for sku, price in (("A", 1000), ("OTHER", 1000), ("NOPRICE", None)):
        await world.product(manager.brand_id, sku=sku, price=price)
    draft = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A"} | facts

    preview = (await manager.ask("POST", "/v1/console/campaigns/previews", json=draft)).json()

    assert (preview["applies"], preview["reason"]) == (False, reason)
    assert preview["text"]


async def test_planned_version_pays_from_its_time_on(world: World, manager, body, code):
    account = await world.account()
    await manager.put(PATH, body | {"state": "active"})
    planned = body | {
        "state": "active",
        "rule": FIXED | {"amount": {"type": "fixed", "value": 250}},
        "rule_from": later(),
    }

    made, again = (await manager.put(PATH, planned)).json(), (await manager.put(PATH, planned)).json()
    before = (await world.scan(account, next(code))).json()
    await world.db.rows(DUE)
    await begin_planned_versions(db=world.db)
    after = (await world.scan(account, next(code))).json()

    now = (await manager.get(PATH)).json()
    assert (made["version"], made["next_version"]) == (1, 2)
    assert again == made
    assert (before["amount"], after["amount"]) == (100, 250)
    assert (now["version"], now.get("next_version")) == (2, None)


async def test_planned_version_is_replaced_by_another_rule(manager, body):
    await manager.put(PATH, body)
    await manager.put(PATH, body | {"rule": FIXED | {"priority": 1}, "rule_from": later()})

    changed = (await manager.put(PATH, body | {"rule": FIXED | {"priority": 2}})).json()

    assert (changed["version"], changed.get("next_version")) == (3, None)
    assert changed["rule"]["priority"] == 2


async def test_planned_version_that_begins_bumps_programme_once(world: World, manager, programme, body):
    await manager.put(PATH, body | {"state": "active"})
    await manager.put(PATH, body | {"state": "active", "rule": FIXED | {"priority": 1}, "rule_from": later()})
    before = await rules_version(world, programme)
    await world.db.rows(DUE)

    await begin_planned_versions(db=world.db)
    await begin_planned_versions(db=world.db)

    assert await rules_version(world, programme) == before + 1


async def test_version_of_a_past_time_begins_at_once(manager, body):
    await manager.put(PATH, body)

    changed = (await manager.put(PATH, body | {"rule": FIXED | {"priority": 1}, "rule_from": later(-1)})).json()

    assert (changed["version"], changed.get("next_version")) == (2, None)
