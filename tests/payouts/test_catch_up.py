"""Wallets that nobody touches are brought to today in batches, beside everybody else's work."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from backend.database import Database
from payouts.models import Kind
from tests.payouts.conftest import TODAY
from tests.payouts.owner import Owner, balances

CATCH_UP = text("SELECT ledger_catch_up(:books, :today, :most, :milliseconds)")


async def catch_up(pay: Database, days: int = 0, *, most: int = 500, milliseconds: int = 1000, books=(7,)) -> int:
    row = await pay.call(
        CATCH_UP, books=list(books), today=TODAY + timedelta(days=days), most=most, milliseconds=milliseconds
    )
    return row[0]


def crowd(pay: Database, count: int) -> list[Owner]:
    return [Owner(pay, owner_id=number, today=TODAY) for number in range(1, count + 1)]


async def test_what_has_waited_and_lived_long_enough_is_moved_once(pay: Database, agent: Owner):
    await agent.earn(100, waits=3, lives=7)

    brought = [await catch_up(pay, days) for days in (2, 3, 3, 9, 10, 10, 400)]

    assert brought == [0, 1, 0, 0, 1, 0, 0]
    assert [kind for kind, _ in await agent.moved()] == [Kind.EARN, Kind.MATURE, Kind.EXPIRE]


async def test_a_worker_that_was_away_for_long_does_all_at_once(pay: Database, agent: Owner):
    await agent.earn(100, waits=3, lives=7)
    await agent.earn(50, waits=5)

    brought = await catch_up(pay, 400)

    assert brought == 1
    agent.pass_days(400)
    assert balances(await agent.open()) == (0, 50, 0)


async def test_other_books_are_left_alone(pay: Database, agent: Owner):
    await agent.earn(100, waits=3)

    assert await catch_up(pay, 3, books=(8, 9)) == 0


async def test_a_batch_takes_no_more_than_it_was_told_to(pay: Database):
    for owner in crowd(pay, 5):
        await owner.earn(100, waits=1)

    brought = [await catch_up(pay, 1, most=2) for _ in range(4)]

    assert brought == [2, 2, 1, 0]


async def test_a_batch_stops_when_its_time_is_over(pay: Database):
    for owner in crowd(pay, 5):
        await owner.earn(100, waits=1)

    assert await catch_up(pay, 1, milliseconds=0) == 1


async def test_a_wallet_in_use_is_left_out_and_keeps_nobody_waiting(pay: Database):
    one, other = crowd(pay, 2)
    for owner in (one, other):
        await owner.earn(100, waits=1)

    async with pay.begin() as session:
        await session.execute(text("SELECT FROM wallets WHERE owner_id = 1 FOR UPDATE"))
        async with asyncio.timeout(5):  # it would wait for ever
            brought = await catch_up(pay, 1)

    assert brought == 1
    assert await catch_up(pay, 1) == 1


async def test_two_workers_at_once_share_the_work(pay: Database):
    for owner in crowd(pay, 30):
        await owner.earn(100, waits=1)

    async def work() -> int:
        total = 0
        while brought := await catch_up(pay, 1, most=4):
            total += brought
        return total

    shares = await asyncio.gather(work(), work())

    assert sum(shares) + await catch_up(pay, 1) == 30


async def test_spending_goes_on_while_a_batch_runs(pay: Database):
    owners = crowd(pay, 20)
    for owner in owners:
        await owner.earn(100)
        await owner.earn(100, waits=1)
        owner.pass_days(1)

    async def bring() -> None:
        while await catch_up(pay, 1, most=3):
            pass

    await asyncio.gather(bring(), bring(), *(owner.hold(150) for owner in owners))

    assert [balances(await owner.open()) for owner in owners] == [(0, 50, 150)] * 20
