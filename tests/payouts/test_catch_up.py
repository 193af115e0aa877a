"""ledger_catch_up advances idle wallets to today in batches, beside concurrent operations."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from backend.core.db.database import Database
from payouts.models import MovementKind
from tests.payouts.conftest import TODAY
from tests.payouts.owner import Owner, balances

CATCH_UP = text("SELECT ledger_catch_up(:ledger_ids, :today, :most, :milliseconds)")


async def catch_up(pay: Database, days: int = 0, *, most: int = 500, milliseconds: int = 1000, ledger_ids=(7,)) -> int:
    row = await pay.call(
        CATCH_UP, ledger_ids=list(ledger_ids), today=TODAY + timedelta(days=days), most=most, milliseconds=milliseconds
    )
    return row[0]


def owners_of_new_wallets(pay: Database, count: int) -> list[Owner]:
    return [Owner(pay, owner_id=number, today=TODAY) for number in range(1, count + 1)]


async def test_due_lots_mature_and_expire_once(pay: Database, agent: Owner):
    await agent.earn(100, waits=3, lives=7)

    advanced = [await catch_up(pay, days) for days in (2, 3, 3, 9, 10, 10, 400)]

    assert advanced == [0, 1, 0, 0, 1, 0, 0]
    assert [kind for kind, _ in await agent.moved()] == [MovementKind.EARN, MovementKind.MATURE, MovementKind.EXPIRE]


async def test_catch_up_after_long_pause_matures_and_expires(pay: Database, agent: Owner):
    await agent.earn(100, waits=3, lives=7)
    await agent.earn(50, waits=5)

    advanced = await catch_up(pay, 400)

    assert advanced == 1
    agent.pass_days(400)
    assert balances(await agent.open()) == (0, 50, 0)


async def test_catch_up_skips_other_ledgers(pay: Database, agent: Owner):
    await agent.earn(100, waits=3)

    assert await catch_up(pay, 3, ledger_ids=(8, 9)) == 0


async def test_catch_up_stops_at_its_wallet_limit(pay: Database):
    for owner in owners_of_new_wallets(pay, 5):
        await owner.earn(100, waits=1)

    advanced = [await catch_up(pay, 1, most=2) for _ in range(4)]

    assert advanced == [2, 2, 1, 0]


async def test_catch_up_stops_at_its_time_limit(pay: Database):
    for owner in owners_of_new_wallets(pay, 5):
        await owner.earn(100, waits=1)

    assert await catch_up(pay, 1, milliseconds=0) == 1


async def test_catch_up_skips_locked_wallet_without_waiting(pay: Database):
    for owner in owners_of_new_wallets(pay, 2):
        await owner.earn(100, waits=1)

    async with pay.begin() as session:
        await session.execute(text("SELECT FROM wallets WHERE owner_id = 1 FOR UPDATE"))
        async with asyncio.timeout(5):  # without SKIP LOCKED it would wait for ever
            advanced = await catch_up(pay, 1)

    assert advanced == 1
    assert await catch_up(pay, 1) == 1


async def test_concurrent_catch_ups_share_the_wallets(pay: Database):
    for owner in owners_of_new_wallets(pay, 30):
        await owner.earn(100, waits=1)

    async def work() -> int:
        total = 0
        while advanced := await catch_up(pay, 1, most=4):
            total += advanced
        return total

    shares = await asyncio.gather(work(), work())

    assert sum(shares) + await catch_up(pay, 1) == 30


async def test_holds_succeed_while_catch_up_runs(pay: Database):
    owners = owners_of_new_wallets(pay, 20)
    for owner in owners:
        await owner.earn(100)
        await owner.earn(100, waits=1)
        owner.pass_days(1)

    async def advance_all() -> None:
        while await catch_up(pay, 1, most=3):
            pass

    await asyncio.gather(advance_all(), advance_all(), *(owner.hold(150) for owner in owners))

    assert [balances(await owner.open()) for owner in owners] == [(0, 50, 150)] * 20
