"""What a reviewer's decision does: to the money, to the receipts, and to the item."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from backend.earning.receipts.awards import returns
from backend.programmes.rules.rule import PercentAmount, Rule
from tests import budgets
from tests.earning.receipts.receipt_builders import PLUG, bought, document, goods, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.make import World, bearer

CABLE = "Кабель силовой КАБЕЛЕВО KB-7731 3х2,5 100м"


async def test_held_receipt_is_in_the_queue(held: Held):
    mine = await held.bring(line(amount=90_000), line("Труба PPR 20х3,4", 22_600, 1))

    item = await held.item()
    shown = (await held.anna.get(f"{CONSOLE}/reviews/{item['id']}")).json()

    assert mine["status"] == "review"
    assert item["card_number"] == held.account.card_number
    assert (item["points"], item["waiting"]) == (20, 1)
    assert [(row["rule"], row["inputs"]["day"]) for row in shown["findings"]] == [("receipt_velocity", 1)]
    (receipt,) = shown["receipts"]
    assert [(row["state"], row["would_pay"]) for row in receipt["lines"]] == [("review", 5400)]
    assert receipt["shop"] == "ООО «Стройдвор»"
    assert shown["would_pay"] == 5400
    assert "second_person" not in shown
    assert await held.balance() == 0


@pytest.mark.parametrize("action", ["release", "rule_wrong"])
async def test_release_pays_lines_in_review(held: Held, action):
    await held.bring()
    await held.bring(line(PLUG, 10_000, 1))

    answer = await held.decide(action, note="Known to us.")

    assert answer.status_code == 200, answer.text
    decided = answer.json()
    assert (decided["item"]["state"], decided["item"]["decision"]) == ("decided", action)
    assert [(row["action"], row["note"], row["staff"]) for row in decided["steps"]] == [
        (action, "Known to us.", held.anna.email)
    ]
    assert await held.balance() == 6000
    assert await held.status() == [("credited", None), ("credited", None)]


@pytest.mark.parametrize("action", ["release", "rule_wrong", "claw_back"])
async def test_decision_is_idempotent_and_final(held: Held, action):
    await held.bring()
    item = await held.item()
    other = "claw_back" if action == "release" else "release"
    first = await held.decide(action, review=item["id"])
    paid = await held.balance()

    again = await held.decide(action, held.boris, item["id"])
    late = await held.decide(other, review=item["id"])

    assert again.status_code == 200
    assert again.json() == first.json()
    assert (late.status_code, late.json()["code"]) == (409, "review_decided")
    assert await held.balance() == paid


async def test_claw_back_refuses_lines_in_review(held: Held):
    await held.bring()

    answer = await held.decide("claw_back")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 0
    assert await held.status() == [("refused", "clawed_back")]


async def test_claw_back_takes_only_lines_of_the_finding(brand: Held, world: World):
    first = document(line(amount=90_000))
    await brand.bring(line(PLUG, 10_000, 1))
    await brand.buying.bring(brand.account, first)
    stranger = await world.account()
    came_back = document(line(amount=90_000), operation=2, at=bought())
    await brand.buying.bring(stranger, came_back)
    item = await brand.item()
    assert await brand.balance() == 6000

    answer = await brand.decide("claw_back", review=item["id"])

    assert answer.status_code == 200, answer.text
    assert await brand.balance() == 600
    lines = [row for receipt in answer.json()["receipts"] for row in receipt["lines"]]
    assert [(row.get("reason"), row.get("amount", 0)) for row in lines] == [("clawed_back", 0), (None, 600)]


async def test_freeze_holds_current_and_later_lines(brand: Held, number):
    number("receipts_agent_day", 0)
    await brand.bring()
    number("receipts_agent_day", 8)

    frozen = await brand.decide("freeze")
    again = await brand.decide("freeze", brand.boris)
    await brand.bring(line(PLUG, 10_000, 1))
    item = await brand.item()

    assert [frozen.status_code, again.status_code] == [200, 200]
    assert frozen.json()["item"]["frozen"]
    assert (item["waiting"], item["state"]) == (2, "open")
    assert await brand.balance() == 0


async def test_unfrozen_agent_is_paid_without_review(brand: Held, number):
    number("receipts_agent_day", 0)
    await brand.bring()
    number("receipts_agent_day", 8)
    await brand.decide("freeze")
    card = brand.account.card_number

    freed = await brand.anna.delete(f"{CONSOLE}/freezes/{card}")
    again = await brand.anna.delete(f"{CONSOLE}/freezes/{card}")
    await brand.bring(line(PLUG, 10_000, 1))

    assert freed.status_code == 204
    assert (again.status_code, again.json()["code"]) == (404, "not_frozen")
    assert await brand.balance() == 600
    assert (await brand.item())["waiting"] == 1
    assert (await brand.decide("release")).status_code == 200
    assert await brand.balance() == 6000


async def test_large_release_needs_second_person(held: Held, number):
    number("second_person_above", 5399)
    await held.bring()
    item = await held.item()

    proposed = await held.decide("release")
    first = await held.decide("release")
    before = await held.balance()
    confirmed = await held.decide("release", held.boris, item["id"])

    assert proposed.status_code == 202, proposed.text
    assert proposed.json()["second_person"]
    assert proposed.json()["item"]["state"] == "open"
    assert (first.status_code, first.json()["code"]) == (409, "second_person_needed")
    assert before == 0
    assert confirmed.status_code == 200
    assert [(row["staff"], row.get("final", False)) for row in confirmed.json()["steps"]] == [
        (held.anna.email, False),
        (held.boris.email, True),
    ]
    assert await held.balance() == 5400


async def test_small_release_needs_one_person(held: Held, number):
    number("second_person_above", 5400)
    await held.bring()

    assert (await held.decide("release")).status_code == 200


async def test_second_person_confirms_at_most_the_proposal(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    await held.decide("release")
    await held.bring(line(PLUG, 50_000, 1))

    more = await held.decide("release", held.boris)
    confirmed = await held.decide("release", held.anna)

    assert more.status_code == 202
    assert confirmed.status_code == 200
    assert await held.balance() == 8400


async def test_second_person_may_claw_back_instead(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    await held.decide("release")

    answer = await held.decide("claw_back", held.boris)

    assert answer.status_code == 200
    assert await held.balance() == 0


async def test_concurrent_decisions_have_one_winner(held: Held):
    await held.bring()
    item = await held.item()

    answers = await asyncio.gather(
        *(
            held.decide(action, worker, item["id"])
            for worker in (held.anna, held.boris)
            for action in ("release", "claw_back")
            for _ in range(3)
        )
    )

    decisions = {answer.json()["item"]["decision"] for answer in answers if answer.status_code == 200}
    assert len(decisions) == 1
    assert {answer.status_code for answer in answers} == {200, 409}
    assert await held.balance() == (5400 if decisions == {"release"} else 0)


async def test_concurrent_large_releases_are_proposal_and_confirmation(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    item = await held.item()

    answers = await asyncio.gather(*(held.decide("release", who, item["id"]) for who in (held.anna, held.boris)))

    assert sorted(answer.status_code for answer in answers) == [200, 202]
    assert await held.balance() == 5400


async def test_release_with_concurrent_receipt_loses_nothing(held: Held):
    await held.bring()
    item = await held.item()
    more = [document(line(PLUG, 10_000, 1)) for _ in range(3)]
    await held.buying.known(*more)
    for one in more:
        await held.buying.scan(held.account, one)

    answer, _ = await asyncio.gather(held.decide("release", review=item["id"]), held.buying.work())

    assert answer.status_code == 200, answer.text
    left = (await held.anna.get(f"{CONSOLE}/reviews", params={"state": "open"})).json()["items"]
    if left:
        assert (await held.decide("release")).status_code == 200
    assert await held.balance() == 5400 + 3 * 600


async def test_goods_returned_during_review_are_not_paid(held: Held, db):
    found = document(line(amount=90_000, quantity=2))
    await held.buying.bring(held.account, found)
    back = document(line(amount=45_000, quantity=1), operation=2, at=bought())
    mine = await db.call(text("SELECT account_id FROM receipts LIMIT 1"))
    touched = await returns.claw_back_return(db, back, mine.account_id, datetime.now(UTC) + timedelta(days=5))
    assert touched == 1

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 2700
    (row,) = await db.rows(text("SELECT amount, returned, returned_quantity FROM receipt_lines"))
    assert (row.amount, row.returned, row.returned_quantity) == (5400, 2700, Decimal(1))
    rest = document(line(amount=45_000, quantity=1), operation=2, at=bought())
    await returns.claw_back_return(db, rest, mine.account_id, datetime.now(UTC) + timedelta(days=5))
    assert await held.balance() == 0


async def test_bonus_expired_while_pending_returns_no_budget(world: World, buying, number, db):
    number("receipts_agent_day", 0)
    short = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600), lifetime_days=1)
    sold = await goods(world, short, budget=10_000, starts_at=datetime(2026, 1, 1, tzinfo=UTC))
    anna = await world.staff(await world.brand_by_id(sold.programme.brand_id), "reviewer")
    held = Held(buying, sold, await world.account(), anna, anna)
    await held.bring(line(amount=90_000, quantity=2))
    mine = await db.call(text("SELECT account_id FROM receipts LIMIT 1"))
    back = document(line(amount=45_000, quantity=1), operation=2, at=bought())
    await returns.claw_back_return(db, back, mine.account_id, datetime.now(UTC) + timedelta(days=5))
    await db.rows(text("UPDATE receipts SET sent_at = sent_at - interval '3 days'"))

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 0
    assert await budgets.left(world, sold.campaign) == 10_000 - 5400


async def test_release_uses_current_rules(held: Held, world: World, db):
    await held.bring()
    item = await held.item()
    await held.anna.get(f"{CONSOLE}/reviews/{item['id']}")
    await db.rows(text("UPDATE campaigns SET state = 'paused'"))
    await db.rows(text("UPDATE programmes SET rules_version = rules_version + 1"))

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.status() == [("refused", "no_campaign")]
    assert await held.balance() == 0


async def test_release_does_not_overdraw_budget(world: World, buying, number):
    number("receipts_agent_day", 0)
    sold = await goods(world, budget=5000)
    maker = await world.brand_by_id(sold.programme.brand_id)
    anna = await world.staff(maker, "reviewer")
    held = Held(buying, sold, await world.account(), anna, anna)
    await held.bring(line(amount=90_000), line(PLUG, 10_000, 1))

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 600
    lines = [row for receipt in answer.json()["receipts"] for row in receipt["lines"]]
    assert [(row["state"], row.get("reason")) for row in lines] == [("refused", "budget_spent"), ("paid", None)]


async def test_release_for_closed_account_pays_nothing(held: Held, world: World):
    await held.bring()
    closed = await world.client.delete("/v1/me", headers=bearer(held.account))
    assert closed.status_code < 300, closed.text

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    lines = [row for receipt in answer.json()["receipts"] for row in receipt["lines"]]
    assert [(row["state"], row.get("reason")) for row in lines] == [("refused", "account_closed")]


async def test_rule_without_finding_cannot_be_wrong(held: Held):
    await held.bring()

    other = await held.decide("rule_wrong", rule="till_share")
    without_action = await held.decide("release", rule="receipt_velocity")
    right = await held.decide("rule_wrong", rule="receipt_velocity")

    assert [other.json()["code"], without_action.json()["code"]] == ["rule_not_found", "rule_not_found"]
    assert right.status_code == 200


async def test_review_of_another_brand_not_found(held: Held, world: World):
    await held.bring()
    item = await held.item()
    stranger = await world.staff(role="reviewer")

    listed = await stranger.get(f"{CONSOLE}/reviews")
    shown = await stranger.get(f"{CONSOLE}/reviews/{item['id']}")
    decided = [await held.decide(action, stranger, item["id"]) for action in ("release", "claw_back", "freeze")]
    freed = await stranger.delete(f"{CONSOLE}/freezes/{held.account.card_number}")

    assert listed.json()["items"] == []
    assert {answer.status_code for answer in (shown, *decided, freed)} == {404}
    assert (await held.item())["waiting"] == 1


async def test_brand_decides_only_its_own_lines(held: Held, world: World):
    cables = await world.programme(await world.brand("Кабелево"))
    await world.campaign(cables, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600)))
    await world.product(cables.brand_id, sku="KB-7731", name_ru=CABLE, articles=["KB-7731"])
    theirs = await world.staff(await world.brand_by_id(cables.brand_id), "reviewer")
    await held.bring(line(amount=90_000), line(CABLE, 50_000, 1))

    mine = await held.decide("claw_back")
    (item,) = (await theirs.get(f"{CONSOLE}/reviews")).json()["items"]
    paid = await theirs.put(f"{CONSOLE}/reviews/{item['id']}/decision", {"action": "release"})

    names = [row["name"] for receipt in mine.json()["receipts"] for row in receipt["lines"]]
    assert all("КАБЕЛЕВО" not in name for name in names)
    assert paid.status_code == 200
    assert await held.balance() == 3000
    assert await held.status() == [("credited", None)]
