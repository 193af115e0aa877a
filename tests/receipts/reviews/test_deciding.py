"""What a reviewer's decision does: to the money, to the receipts, and to the item."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from backend.programmes.rules import Percent, Rule
from backend.receipts import returns
from tests.make import World, bearer
from tests.receipts.buying import PLUG, bought, document, goods, line
from tests.receipts.reviews.conftest import CONSOLE, Held

CABLE = "Кабель силовой КАБЕЛЕВО KB-7731 3х2,5 100м"


async def test_a_held_receipt_is_an_item_of_the_queue(held: Held):
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
async def test_a_release_pays_what_waited(held: Held, action):
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
async def test_a_decision_may_be_repeated_and_no_other_one_follows(held: Held, action):
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


async def test_a_claw_back_refuses_what_waited(held: Held):
    await held.bring()

    answer = await held.decide("claw_back")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 0
    assert await held.status() == [("refused", "clawed_back")]


async def test_a_claw_back_takes_back_what_the_finding_is_about_and_nothing_else(brand: Held, world: World):
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


async def test_a_freeze_lets_lines_wait_and_all_that_comes(brand: Held, number):
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


async def test_an_agent_who_is_let_go_is_paid_without_a_look(brand: Held, number):
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


async def test_a_large_release_needs_a_second_person(held: Held, number):
    number("second_person_above", 5399)
    await held.bring()
    item = await held.item()

    proposed = await held.decide("release")
    alone = await held.decide("release")
    before = await held.balance()
    confirmed = await held.decide("release", held.boris, item["id"])

    assert proposed.status_code == 202, proposed.text
    assert proposed.json()["second_person"]
    assert proposed.json()["item"]["state"] == "open"
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    assert before == 0
    assert confirmed.status_code == 200
    assert [(row["staff"], row.get("final", False)) for row in confirmed.json()["steps"]] == [
        (held.anna.email, False), (held.boris.email, True)
    ]  # fmt: skip
    assert await held.balance() == 5400


async def test_a_small_release_needs_one(held: Held, number):
    number("second_person_above", 5400)
    await held.bring()

    assert (await held.decide("release")).status_code == 200


async def test_a_second_person_confirms_no_more_than_was_proposed(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    await held.decide("release")
    await held.bring(line(PLUG, 50_000, 1))

    more = await held.decide("release", held.boris)
    confirmed = await held.decide("release", held.anna)

    assert more.status_code == 202
    assert confirmed.status_code == 200
    assert await held.balance() == 8400


async def test_a_second_person_may_take_back_instead(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    await held.decide("release")

    answer = await held.decide("claw_back", held.boris)

    assert answer.status_code == 200
    assert await held.balance() == 0


async def test_two_who_decide_at_once_come_to_one_decision(held: Held):
    await held.bring()
    item = await held.item()

    answers = await asyncio.gather(
        *(held.decide(action, worker, item["id"])
          for worker in (held.anna, held.boris) for action in ("release", "claw_back") for _ in range(3))
    )  # fmt: skip

    said = {answer.json()["item"]["decision"] for answer in answers if answer.status_code == 200}
    assert len(said) == 1
    assert {answer.status_code for answer in answers} == {200, 409}
    assert await held.balance() == (5400 if said == {"release"} else 0)


async def test_two_who_release_a_large_sum_at_once_are_a_proposal_and_its_confirmation(held: Held, number):
    number("second_person_above", 1000)
    await held.bring()
    item = await held.item()

    answers = await asyncio.gather(*(held.decide("release", who, item["id"]) for who in (held.anna, held.boris)))

    assert sorted(answer.status_code for answer in answers) == [200, 202]
    assert await held.balance() == 5400


async def test_a_release_and_a_receipt_that_comes_meanwhile_lose_nothing(held: Held):
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


async def test_what_came_back_while_it_waited_is_not_paid(held: Held, db):
    found = document(line(amount=90_000, quantity=2))
    await held.buying.bring(held.account, found)
    back = document(line(amount=45_000, quantity=1), operation=2, at=bought())
    mine = await db.call(text("SELECT account_id FROM receipts LIMIT 1"))
    touched = await returns.take_back(db, back, mine.account_id, datetime.now(UTC) + timedelta(days=5))
    assert touched == 1

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.balance() == 2700
    (row,) = await db.rows(text("SELECT amount, returned, returned_quantity FROM receipt_lines"))
    assert (row.amount, row.returned, row.returned_quantity) == (5400, 2700, Decimal(1))
    rest = document(line(amount=45_000, quantity=1), operation=2, at=bought())
    await returns.take_back(db, rest, mine.account_id, datetime.now(UTC) + timedelta(days=5))
    assert await held.balance() == 0


async def test_a_release_goes_by_the_rules_of_now(held: Held, world: World, db):
    await held.bring()
    item = await held.item()
    await held.anna.get(f"{CONSOLE}/reviews/{item['id']}")
    await db.rows(text("UPDATE campaigns SET state = 'paused'"))
    await db.rows(text("UPDATE programmes SET rules_version = rules_version + 1"))

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    assert await held.status() == [("refused", "no_campaign")]
    assert await held.balance() == 0


async def test_the_budget_is_not_overdrawn_by_a_release(world: World, buying, number):
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


async def test_a_closed_account_gets_nothing(held: Held, world: World):
    await held.bring()
    closed = await world.client.delete("/v1/me", headers=bearer(held.account))
    assert closed.status_code < 300, closed.text

    answer = await held.decide("release")

    assert answer.status_code == 200, answer.text
    lines = [row for receipt in answer.json()["receipts"] for row in receipt["lines"]]
    assert [(row["state"], row.get("reason")) for row in lines] == [("refused", "account_closed")]


async def test_a_rule_that_found_nothing_here_cannot_be_wrong(held: Held):
    await held.bring()

    other = await held.decide("rule_wrong", rule="till_share")
    not_asked = await held.decide("release", rule="receipt_velocity")
    right = await held.decide("rule_wrong", rule="receipt_velocity")

    assert [other.json()["code"], not_asked.json()["code"]] == ["rule_not_found", "rule_not_found"]
    assert right.status_code == 200


async def test_another_brand_sees_and_decides_nothing(held: Held, world: World):
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


async def test_each_brand_decides_about_its_own_lines(held: Held, world: World):
    cables = await world.programme(await world.brand("Кабелево"))
    await world.campaign(cables, Rule(ways=frozenset({"receipt"}), amount=Percent(600)))
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
