"""Invariants of the ledger under concurrent and random operations."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable

import pytest
from sqlalchemy import text

from payouts import ledger
from payouts.ledger import Cause
from tests.payouts.conftest import TODAY
from tests.payouts.owner import CLAWED_BACK, EARNED, ORDERED, Owner, balances

AT_ONCE = 64


async def outcomes(operations: list[Awaitable]) -> Counter:
    """Count operations that passed, and refused ones by exception."""
    results = await asyncio.gather(*operations, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert [error for error in errors if not isinstance(error, ledger.LedgerError)] == []
    return Counter(type(result).__name__ if isinstance(result, Exception) else "passed" for result in results)


async def test_concurrent_holds_never_overdraw_wallet(agent: Owner):
    await agent.earn(100)

    found = await outcomes([agent.hold(10) for _ in range(AT_ONCE)])

    assert found == {"passed": 10, "InsufficientBalance": AT_ONCE - 10}
    assert balances(await agent.open()) == (0, 0, 100)


async def test_concurrent_earnings_of_one_cause_move_once(agent: Owner):
    found = await outcomes([agent.earn(10, Cause(EARNED, 5)) for _ in range(AT_ONCE)])

    assert found == {"passed": 1, "CauseRepeated": AT_ONCE - 1}
    assert balances(await agent.open()) == (0, 10, 0)


async def test_cause_earns_in_one_wallet_only(agent: Owner):
    crowd = [Owner(agent.db, owner_id=number, today=TODAY) for number in range(1, AT_ONCE + 1)]

    found = await outcomes([owner.earn(10, Cause(EARNED, 5)) for owner in crowd])

    assert found == {"passed": 1, "CauseRepeated": AT_ONCE - 1}


async def test_hold_is_settled_or_released_once(agent: Owner):
    order = Cause(ORDERED, 5)
    await agent.earn(100)
    await agent.hold(100, order)

    settle = [agent.settle(100, order, leg) for leg in range(AT_ONCE // 2)]
    release = [agent.release(100, order, leg) for leg in range(AT_ONCE // 2)]
    found = await outcomes(settle + release)

    assert found == {"passed": 1, "HoldExceeded": AT_ONCE - 1}
    assert (await agent.open()).held == 0


async def test_concurrent_clawbacks_never_exceed_earning(agent: Owner):
    await agent.earn(100, Cause(EARNED, 5))

    found = await outcomes([agent.claw_back(25, Cause(EARNED, 5), Cause(CLAWED_BACK, n)) for n in range(AT_ONCE)])

    assert found == {"passed": 4, "ClawbackExceeded": AT_ONCE - 4}
    assert balances(await agent.open()) == (0, 0, 0)


async def test_concurrent_earnings_of_one_wallet_all_count(agent: Owner):
    found = await outcomes([agent.earn(number) for number in range(1, 4 * AT_ONCE + 1)])

    assert found == {"passed": 4 * AT_ONCE}
    assert (await agent.open()).available == sum(range(4 * AT_ONCE + 1))


async def test_concurrent_first_uses_create_one_wallet(agent: Owner):
    wallets = await asyncio.gather(*(agent.open() for _ in range(AT_ONCE)))

    assert len({wallet.id for wallet in wallets}) == 1


async def test_refused_operation_keeps_its_cause_free(agent: Owner):
    order = Cause(ORDERED, 5)
    with pytest.raises(ledger.InsufficientBalance):
        await agent.hold(100, order)
    await agent.earn(100)

    wallet = await agent.hold(100, order)

    assert balances(wallet) == (0, 0, 100)


async def test_full_clawback_restores_the_balances(agent: Owner):
    for waits in (0, 3):
        await agent.earn(100, Cause(EARNED, waits + 1), waits=waits)
        await agent.claw_back(100, Cause(EARNED, waits + 1))

    assert balances(await agent.open()) == (0, 0, 0)
    assert await agent.lots() == []


class Crowd:
    """Owners that run random operations, allowed and refused ones."""

    def __init__(self, agent: Owner, seed: int) -> None:
        self.random = random.Random(seed)
        self.owners = [Owner(agent.db, owner_id=number, today=TODAY) for number in range(1, 6)]
        self.earned = [Cause(EARNED, number) for number in range(1, 40)]
        self.orders = [Cause(ORDERED, number) for number in range(1, 40)]

    def random_operation(self) -> Awaitable:
        owner = self.random.choice(self.owners)
        amount = self.random.randint(1, 200)
        order = self.random.choice(self.orders)
        return self.random.choice(
            [
                lambda: owner.earn(
                    amount, self.random.choice(self.earned), waits=self.random.choice([0, 0, 2]), lives=5
                ),
                lambda: owner.hold(amount, order),
                lambda: owner.settle(amount, order, self.random.randint(0, 2)),
                lambda: owner.release(amount, order, self.random.randint(0, 2)),
                lambda: owner.claw_back(amount, self.random.choice(self.earned)),
                lambda: owner.write_off(amount),
                owner.open,
            ]
        )()

    def pass_day(self) -> None:
        for owner in self.owners:
            owner.pass_days(1)


PLACES = text("""
    SELECT place, sum(amount)::bigint AS amount FROM (
        SELECT to_place AS place, amount FROM movements UNION ALL SELECT from_place, -amount FROM movements) AS m
    GROUP BY place""")
WALLETS = text(
    "SELECT sum(pending)::bigint AS pending, sum(available)::bigint AS available, "
    "sum(held)::bigint AS held FROM wallets"
)
ORDER = text("""
    SELECT count(*) FROM (
        SELECT id, wallet_seq, row_number() OVER w AS position, lag(id) OVER w AS id_before
        FROM movements WINDOW w AS (PARTITION BY wallet_id ORDER BY wallet_seq)) AS m
    WHERE wallet_seq <> position OR id < id_before""")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_operations_leave_balanced_ledger(agent: Owner, seed: int):
    crowd = Crowd(agent, seed)

    for _ in range(6):
        found = await outcomes([crowd.random_operation() for _ in range(AT_ONCE)])
        assert found["passed"] > 0
        crowd.pass_day()

    places = {row.place: row.amount for row in await agent.db.rows(PLACES)}
    wallets = await agent.db.call(WALLETS)
    assert sum(places.values()) == 0
    assert (places.get(2, 0), places.get(3, 0), places.get(4, 0)) == tuple(wallets)
    assert (await agent.db.call(ORDER))[0] == 0
