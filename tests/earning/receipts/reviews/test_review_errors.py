"""Decisions of reviewers that are refused or repeated, and what they leave unchanged."""

from tests.earning.receipts.receipt_builders import document, line
from tests.earning.receipts.reviews.conftest import Held
from tests.earning.receipts.reviews.review_rows import events_of_kind, line_states, steps
from tests.make import World


async def test_unknown_review_is_not_found(held: Held):
    answers = [await held.decide(action, review=2**40) for action in ("release", "claw_back", "freeze", "rule_wrong")]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "review_unknown")}


async def test_rule_of_unknown_review_is_not_found(held: Held):
    answer = await held.decide("rule_wrong", review=2**40, rule="receipt_velocity")

    assert (answer.status_code, answer.json()["code"]) == (404, "review_unknown")


async def test_rule_wrong_for_another_rule_is_refused(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]
    await held.decide("rule_wrong", review=number, rule="receipt_velocity")

    same = await held.decide("rule_wrong", held.boris, number, rule="receipt_velocity")
    other = await held.decide("rule_wrong", held.boris, number)

    assert same.status_code == 200
    assert (other.status_code, other.json()["code"]) == (409, "review_decided")
    assert await steps(world) == [("rule_wrong", 5400, True)]


async def test_freeze_of_decided_item_is_refused(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]
    await held.decide("release", review=number)

    answer = await held.decide("freeze", review=number)

    assert (answer.status_code, answer.json()["code"]) == (409, "review_decided")
    assert await events_of_kind(world, "review.frozen") == []


async def test_repeated_freeze_is_recorded_once(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]

    answers = [await held.decide("freeze", who, note="Twice.") for who in (held.anna, held.boris)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await steps(world) == [("freeze", 0, False)]
    assert await events_of_kind(world, "review.frozen") == [{"review": number}]


async def test_proposal_is_recorded_without_paying(held: Held, world: World, number):
    number("second_person_above", 5399)
    await held.bring()
    review = (await held.item())["id"]

    await held.decide("release")
    refused = await held.decide("release")

    assert refused.json()["code"] == "second_person_needed"
    assert await steps(world) == [("release", 5400, False)]
    assert await events_of_kind(world, "review.proposed") == [{"review": review, "action": "release", "amount": 5400}]
    assert await line_states(world) == [("review", "checked")]


async def test_another_paying_action_is_a_new_proposal(held: Held, world: World, number):
    number("second_person_above", 5399)
    await held.bring()
    await held.decide("release")

    other = await held.decide("rule_wrong", held.boris)
    confirmed = await held.decide("rule_wrong", held.anna)

    assert [other.status_code, confirmed.status_code] == [202, 200]
    assert await steps(world) == [("release", 5400, False), ("rule_wrong", 5400, False), ("rule_wrong", 5400, True)]


async def test_freeze_between_keeps_the_proposal(held: Held, number):
    number("second_person_above", 5399)
    await held.bring()
    await held.decide("release")
    await held.decide("freeze", held.boris)

    confirmed = await held.decide("release", held.boris)

    assert confirmed.status_code == 200
    assert await held.balance() == 5400


async def test_claw_back_of_returned_goods_takes_rest(brand: Held, world: World):
    sale = document(line(amount=90_000, quantity=2))
    await brand.buying.bring(brand.account, sale)
    await flag(brand, world, sale)
    one = line(amount=45_000, quantity=1)
    await brand.buying.bring(brand.account, document(one, operation=2, at=sale.at, fn=sale.fn))

    answer = await brand.decide("claw_back")

    assert answer.status_code == 200, answer.text
    assert await brand.balance() == 0
    (decided,) = await events_of_kind(world, "review.decided")
    assert decided["amount"] == -2700
    assert [body["quantity"] for body in await events_of_kind(world, "receipt.returned")] == [1, 1]


async def flag(brand: Held, world: World, sale) -> None:
    """Another agent sends a return of such goods, which opens an item."""
    one = line(amount=45_000, quantity=1)
    await brand.buying.bring(await world.account(), document(one, operation=2, at=sale.at, fn=sale.fn))
