"""Clawback by return receipts."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from scanning.receipts.document import Correction
from tests import budgets
from tests.earning.receipts.receipt_builders import OTHER_SELLER, SOCKET, Buying, document, goods, line
from tests.make import World

UNIT = {"gtin": "04606203090785", "serial": "5AB1C2D3E4F5G"}


def _return_of(sale, *lines, **fields):
    return document(*(lines or sale.lines), operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn, **fields)


async def _send_return(buying: Buying, account, found):
    await buying.known(found)
    answer = (await buying.scan(account, found)).json()
    await buying.work()
    return answer


async def _line(buying: Buying, account, fd: int):
    (mine,) = [row for row in await buying.receipts(account) if row["receipt"]["fd"] == fd]
    return mine["lines"][0]


async def _balance(world: World, account) -> int:
    return (await world.home(account))["wallets"][0].get("available", 0)


async def test_return_claws_back_the_award(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document()
    await buying.bring(account, sale)

    await _send_return(buying, account, _return_of(sale))

    assert (await _line(buying, account, sale.fd))["status"] == "returned"
    assert await _balance(world, account) == 0
    assert (await world.home(account))["last"][0]["text"].startswith("Taken back: goods of the receipt were returned")


async def test_partial_returns_claw_back_their_parts(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document(line(amount=100_001, quantity=3))
    await buying.bring(account, sale)
    one = line(amount=33_334, quantity=1)

    balances = []
    for _ in range(3):
        await _send_return(buying, account, _return_of(sale, one))
        balances.append(await _balance(world, account))

    assert balances == [4000, 2000, 0]


@pytest.mark.parametrize(("before", "paid"), [(10_000, 5400), (None, 0)], ids=["with a budget", "without one"])
async def test_return_refunds_the_budget(world: World, buying: Buying, before, paid):
    sold = await goods(world, budget=before)
    account, sale = await world.account(), document()
    await buying.bring(account, sale)
    await budgets.change(world, sold.campaign, 10_000)
    left = await budgets.left(world, sold.campaign)

    await _send_return(buying, account, _return_of(sale))

    assert (await _balance(world, account), left) == (0, 10_000 - paid)
    assert await budgets.left(world, sold.campaign) == 10_000


async def test_repeated_return_claws_back_nothing(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document(line(quantity=2))
    await buying.bring(account, sale)
    back = _return_of(sale, line(amount=45_000, quantity=1))
    await _send_return(buying, account, back)

    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET state = 'pending', due_at = now() WHERE operation = 2"))
    await buying.work()

    assert await _balance(world, account) == 2700


async def test_return_after_crash_claws_back_no_other_sale(world: World, buying: Buying):
    await goods(world)
    account, stranger, one = await world.account(), await world.account(), line(amount=45_000, quantity=1)
    sales = [document(one), document(one)]
    for sale in sales:
        await buying.bring(account, sale)
    await buying.bring(stranger, document(one))
    back = _return_of(max(sales, key=lambda sale: sale.at))
    await _send_return(buying, account, back)

    # As if the worker had crashed before its last write; then another agent sends the same return.
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET state = 'pending', due_at = now() WHERE operation = 2"))
    await buying.work()
    await buying.scan(stranger, back)
    await buying.work()

    assert (await _balance(world, account), await _balance(world, stranger)) == (2700, 2700)
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM receipt_signals"))).scalar_one() == 0


async def test_return_sent_before_its_sale_claws_back(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document()
    await _send_return(buying, account, _return_of(sale))

    await buying.bring(account, sale)

    assert (await _line(buying, account, sale.fd))["status"] == "returned"
    assert await _balance(world, account) == 0


async def test_return_by_another_agent_is_only_flagged(world: World, buying: Buying):
    await goods(world)
    account, stranger, sale = await world.account(), await world.account(), document()
    await buying.bring(account, sale)

    await _send_return(buying, stranger, _return_of(sale))

    assert await _balance(world, account) == 5400
    async with world.db.begin() as session:
        signals = (await session.execute(text("SELECT rule, shadow, review_id IS NOT NULL FROM receipt_signals"))).all()
    assert signals == [("unclear_return", False, True)]


async def test_serial_number_identifies_sale_for_any_sender(world: World, buying: Buying):
    await goods(world)
    account, stranger = await world.account(), await world.account()
    sale = document(line(quantity=1, amount=45_000, **UNIT))
    await buying.bring(account, sale)

    await _send_return(buying, stranger, _return_of(sale))

    assert await _balance(world, account) == 0


async def test_serial_number_does_not_match_sale_without_one(world: World, buying: Buying):
    await goods(world)
    account, stranger, sale = await world.account(), await world.account(), document(line(quantity=1, amount=45_000))
    await buying.bring(account, sale)

    await _send_return(buying, stranger, _return_of(sale, line(quantity=1, amount=45_000, **UNIT)))

    assert await _balance(world, account) == 2700


async def test_correction_that_names_its_receipt_claws_back(world: World, buying: Buying):
    await goods(world)
    account, stranger, sale = await world.account(), await world.account(), document()
    await buying.bring(account, sale)
    named = Correction(by_order=False, day=sale.at.date(), number="", fp=sale.fp)

    await _send_return(buying, stranger, _return_of(sale, kind=31, corrects=named))

    assert await _balance(world, account) == 0


async def test_return_with_other_shop_price_or_time_does_not_match(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document()
    await buying.bring(account, sale)

    await _send_return(buying, account, _return_of(sale, seller_inn=OTHER_SELLER))
    await _send_return(buying, account, _return_of(sale, line(SOCKET, 90_002, 2)))
    early = msgspec.structs.replace(_return_of(sale), at=sale.at - timedelta(minutes=5))
    await _send_return(buying, account, early)

    assert await _balance(world, account) == 5400


async def test_partial_return_is_on_line_and_return(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document()
    await buying.bring(account, sale)
    back = _return_of(sale, line(amount=45_000, quantity=1))

    await _send_return(buying, account, back)

    sold = await _line(buying, account, sale.fd)
    assert (sold["amount"], sold["returned"], sold["returned_quantity"]) == (2700, 2700, "1")
    assert sold["explanation"]["text"].endswith("Returned: 1. Taken back: 2,700 points; left: 2,700 points.")
    (mine,) = [row for row in await buying.receipts(account) if row["receipt"]["fd"] == back.fd]
    assert (mine["status"], mine["reason"]) == ("refused", "is_return")
    assert [(row["n"], row["quantity"], row["amount"], row["currency"]) for row in mine["returned"]] == [
        (0, "1", 2700, "PTS")
    ]
    assert "2,700 points" in mine["next"]


async def test_return_of_foreign_sale_reveals_nothing(world: World, buying: Buying):
    await goods(world)
    account, sale = await world.account(), document(line(**UNIT))
    await buying.bring(account, sale)
    other, back = await world.account(), _return_of(sale)

    await _send_return(buying, other, back)

    (mine,) = await buying.receipts(other)
    assert (mine["reason"], mine.get("returned")) == ("is_return", None)


async def test_return_pays_nothing(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    answer = await _send_return(buying, account, document(operation=2))

    (mine,) = await buying.receipts(account)

    assert answer["status"] == "pending"
    assert (mine["status"], mine["reason"]) == ("refused", "is_return")
