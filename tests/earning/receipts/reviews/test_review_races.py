"""Two people, or a person and a return, that decide about the same lines at the same moment."""

import asyncio

import pytest

from tests.earning.receipts.receipt_builders import document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.earning.receipts.reviews.review_rows import events_of_kind, steps
from tests.earning.receipts.reviews.test_by_hand import SOCKETS, listed, other, read, send
from tests.earning.receipts.reviews.test_wordings import UNCLEAR, name, queue
from tests.make import Worker, World, bearer

__all__ = ["other"]  # a fixture


async def test_two_reviewers_release_once(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]

    answers = await asyncio.gather(*(held.decide("release", who, number) for who in (held.anna, held.boris) * 3))

    assert {answer.status_code for answer in answers} == {200}
    assert await steps(world) == [("release", 5400, True)]
    assert len(await events_of_kind(world, "review.decided")) == 1
    assert await held.balance() == 5400


async def test_two_reviewers_freeze_once(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]

    answers = await asyncio.gather(*(held.decide("freeze", who, number) for who in (held.anna, held.boris) * 3))

    assert {answer.status_code for answer in answers} == {200}
    assert await steps(world) == [("freeze", 0, False)]


async def test_two_reviewers_claw_back_once(brand: Held, world: World):
    sale = document(line(amount=90_000, quantity=2))
    await brand.buying.bring(brand.account, sale)
    back = document(line(amount=45_000, quantity=1), operation=2, at=sale.at, fn=sale.fn)
    await brand.buying.bring(await world.account(), back)
    number = (await brand.item())["id"]

    answers = await asyncio.gather(*(brand.decide("claw_back", who, number) for who in (brand.anna, brand.boris) * 3))

    assert {answer.status_code for answer in answers} == {200}
    assert await brand.balance() == 0
    assert len(await events_of_kind(world, "receipt.returned")) == 1


@pytest.mark.parametrize("action", ["release", "claw_back"])
async def test_return_beside_decision_is_deducted_once(held: Held, action: str):
    sale = document(line(amount=90_000, quantity=2))
    await held.buying.bring(held.account, sale)
    number = (await held.item())["id"]
    back = document(line(amount=45_000, quantity=1), operation=2, at=sale.at, fn=sale.fn)
    await held.buying.known(back)
    await held.buying.scan(held.account, back)

    answer, _ = await asyncio.gather(held.decide(action, review=number), held.buying.work())

    assert answer.status_code == 200, answer.text
    assert await held.balance() == (2700 if action == "release" else 0)


async def test_two_returns_take_their_parts_once(brand: Held):
    sale = document(line(amount=90_000, quantity=2))
    await brand.buying.bring(brand.account, sale)
    one = line(amount=45_000, quantity=1)
    for _ in range(2):
        back = document(one, operation=2, at=sale.at, fn=sale.fn)
        await brand.buying.known(back)
        await brand.buying.scan(brand.account, back)

    await brand.buying.work()

    assert await brand.balance() == 0


async def test_closing_beside_release_loses_nothing(held: Held, world: World):
    await held.bring()
    number = (await held.item())["id"]

    closed, answer = await asyncio.gather(
        world.client.delete("/v1/me", headers=bearer(held.account)),
        held.decide("release", review=number),
    )

    assert closed.status_code < 300
    assert answer.status_code == 200, answer.text
    (states,) = [{row["state"] for row in receipt["lines"]} for receipt in answer.json()["receipts"]]
    assert states in ({"paid"}, {"refused"})


async def test_wording_beside_claw_back_pays_nothing_twice(held: Held):
    await held.bring(line(amount=90_000), line(UNCLEAR, 10_000, 1))
    number = (await held.item())["id"]
    (found,) = await queue(held)

    answers = await asyncio.gather(
        held.decide("claw_back", review=number), name(held, found["line"], "РА16-374", worker=held.boris)
    )

    assert [answer.status_code for answer in answers] == [200, 200]
    shown = (await held.anna.get(f"{CONSOLE}/reviews", params={"state": "open"})).json()["items"]
    assert sum(item["waiting"] for item in shown) in (0, 1)
    assert await held.balance() in (0, 600)


async def test_two_brands_that_pass_refuse_the_receipt(brand: Held, world: World, other: Worker):
    await send(brand)
    (row,) = await listed(brand.anna)

    answers = await asyncio.gather(*(read(who, row["id"]) for who in (brand.anna, other, brand.boris, other)))

    assert {answer.status_code for answer in answers} == {200}
    assert await brand.status() == [("refused", "rejected")]
    assert len(await events_of_kind(world, "receipt.passed")) == 2


async def test_passing_beside_reading_has_one_result(brand: Held):
    await send(brand)
    (row,) = await listed(brand.anna)

    answers = await asyncio.gather(read(brand.anna, row["id"], SOCKETS), read(brand.boris, row["id"]))

    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [200, 409]
    assert await brand.balance() == (5400 if codes[0] == 200 else 0)
