"""Mutants: each guard of wallets and orders is removed, one at a time, and its probe detects it.

A probe runs a race step by step, so its result is the same every time. It returns the actual and the expected result.
With all guards in place these are equal, and the ledger passes its audit.
"""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from psycopg import AsyncConnection
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.spending.models import Order
from backend.spending.orders import transitions
from backend.spending.orders.transitions import OrderEnd
from payouts import audit
from payouts.ledger import LedgerError
from tests.make import World
from tests.spending.scenario import SpendingScenario

NUMBERS = itertools.count(1000)
WAITING_SECONDS = 0.3  # an operation that is not blocked ends within it
EARN = "SELECT (ledger_earn(ledger_open(%s, 7, current_date), %s, 1, %s, current_date, current_date, '9999-12-31')).seq"
# A hold that does not check the balance.
UNCHECKED_HOLD = "SELECT (ledger_move(ledger_open(%s, 7, current_date), 3, 3, 4, %s, 2, %s, 0, NULL, NULL)).available"
PLACE = """
    SELECT changed FROM orders_place(%s, %s, %s, '\\x00', %s, %s, %s, current_date, 2026, NULL, %s, '', NULL, NULL,
        NULL, NULL)
"""
OPEN_WALLET = "SELECT (ledger_open(%s, %s, current_date)).id"
DEADLOCK = "a deadlock, whichever transaction was chosen"
ACCOUNT_LOCK = "PERFORM lock_account(p_account);"
OPEN = "w := ledger_open(p_account, f.programme_id, p_today);"


class Operation(NamedTuple):
    """A statement and its parameters."""

    call: str
    values: tuple[Any, ...]

    async def run(self, session: AsyncSession) -> Any:
        return (await (await session.connection()).exec_driver_sql(self.call, self.values)).scalar_one()


class EndOrder(NamedTuple):
    """An order and how it ends."""

    order_id: int
    end: OrderEnd

    async def run(self, session: AsyncSession) -> Any:
        order = await transitions.lock_order(session, self.order_id)
        return await transitions.end_order(session, order, self.end, datetime.now(UTC).date())


async def order_without_lock(session: AsyncSession, order_id: int) -> Order:
    return await session.get_one(Order, order_id)


class Scene:
    """A database of its own for probes."""

    def __init__(self, url: str, settings: Any) -> None:
        self.plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.db, self.owner = Database(url, pool_size=2), Database(url, pool_size=2, role="")
        self.world = World(self.db, settings, None)

    async def close(self) -> None:
        await self.db.close()
        await self.owner.close()

    async def mutate(self, *changes: tuple[str, str, str] | str) -> None:
        """Drop a constraint, or change the text of a function."""
        async with await AsyncConnection.connect(self.plain) as connection:
            for change in changes:
                statement = change if isinstance(change, str) else await self.changed(connection, *change)
                await connection.execute(statement)

    async def changed(self, connection: Any, function: str, old: str, new: str) -> str:
        (source,) = await (await connection.execute(f"SELECT pg_get_functiondef('{function}'::regproc)")).fetchone()
        assert old in source, f"{function} has changed: adapt the mutation"
        return source.replace(old, new)

    async def run_single(self, operation: Any) -> Any:
        async with self.db.sessions() as session:
            return await run_operation(session, operation)

    async def race(self, first: Any, second: Any) -> tuple[Any, Any]:
        """Start the second operation before the first is committed."""
        async with self.db.sessions() as one, self.db.sessions() as two:
            result = await first.run(one)
            later = asyncio.create_task(run_operation(two, second))
            await asyncio.wait([later], timeout=WAITING_SECONDS)
            await one.commit()
            return result, await later

    async def one(self, query: str, **values: Any) -> Any:
        return tuple(await self.db.call(text(query), **values))

    async def shop(self, brand: Any = None) -> SpendingScenario:
        return SpendingScenario(self.world, await self.world.programme(brand, currency="RUB"))

    async def order(self, agent: Any, offer: Any, most: int | None = None) -> tuple[uuid.UUID, Operation]:
        account, device = await self.one(
            "SELECT a.id AS account, d.id AS device FROM accounts a JOIN devices d ON d.account_id = a.id "
            "WHERE a.card_number = :card",
            card=agent.card_number,
        )
        key = uuid.uuid4()
        return key, Operation(PLACE, (account, device, key, offer.id, offer.least, offer.least, most))

    async def end_of(self, key: uuid.UUID) -> Any:
        rows = await self.db.rows(text("SELECT state, reason FROM orders WHERE key = :key"), key=key)
        return tuple(rows[0]) if rows else None


async def run_operation(session: AsyncSession, operation: Any) -> Any:
    """The result of an operation, or the SQLSTATE with which it failed."""
    try:
        result = await operation.run(session)
        await session.commit()
    except (DBAPIError, LedgerError) as error:
        await session.rollback()
        return sqlstate(error)
    return result


def sqlstate(error: BaseException) -> str:
    failure = error if isinstance(error, DBAPIError) else error.__cause__
    return failure.orig.sqlstate


async def one_cause_earned_twice(scene: Scene) -> tuple[Any, Any]:
    owner, cause = next(NUMBERS), next(NUMBERS)

    result = await scene.race(Operation(EARN, (owner, 100, cause)), Operation(EARN, (owner, 100, cause)))

    return (result, await available(scene, owner)), ((1, "23505"), 100)


async def two_concurrent_earnings(scene: Scene) -> tuple[Any, Any]:
    owner = next(NUMBERS)
    await scene.run_single(Operation(EARN, (owner, 1, next(NUMBERS))))

    result = await scene.race(Operation(EARN, (owner, 100, next(NUMBERS))), Operation(EARN, (owner, 50, next(NUMBERS))))

    return (result, await available(scene, owner)), ((2, 3), 151)


async def unchecked_overdraft(scene: Scene) -> tuple[Any, Any]:
    owner = next(NUMBERS)
    await scene.run_single(Operation(EARN, (owner, 100, next(NUMBERS))))

    result = await scene.run_single(Operation(UNCHECKED_HOLD, (owner, 150, next(NUMBERS))))

    return (result, await available(scene, owner)), ("23514", 100)


async def available(scene: Scene, owner: int) -> int:
    (found,) = await scene.one("SELECT available FROM wallets WHERE owner_id = :owner", owner=owner)
    return found


async def gift_split_over_two_programmes(scene: Scene) -> tuple[Any, Any]:
    """Two gifts of one brand on one day count as one gift, so the second needs a written contract."""
    brand = await scene.world.brand()
    shops = [await scene.shop(brand) for _ in range(2)]
    agent = await scene.world.account()
    orders = []
    for shop in shops:
        await shop.earn(agent, 1000)
        orders.append(await scene.order(agent, await shop.offer("instant", kind="charity", tax="gift"), 1500))

    result = await scene.race(*(operation for _, operation in orders))

    ends = [await scene.end_of(key) for key, _ in orders]
    return (result, ends), ((False, False), [("done", None), ("held", "written_form")])


async def last_unit_ordered_twice(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    offer = await shop.offer("person", kind="goods", stock=1)
    orders = [await scene.order(await shop.agent(1000), offer) for _ in range(2)]

    result = await scene.race(*(operation for _, operation in orders))

    ends = [await scene.end_of(key) for key, _ in orders]
    return (result, ends), ((False, False), [("held", None), ("refused", "sold_out")])


async def orders_of_two_agents_get_two_codes(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    offer = await shop.offer()
    await shop.stock(offer, 2)
    orders = [await scene.order(await shop.agent(1000), offer) for _ in range(2)]

    result = await scene.race(*(operation for _, operation in orders))

    sold = await scene.one(
        "SELECT count(DISTINCT secret) AS codes, count(*) AS orders FROM orders "
        "WHERE state = 'done' AND offer_id = :offer",
        offer=offer.id,
    )
    return (result, sold), ((False, False), (2, 2))


async def order_ended_twice(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    key, operation = await scene.order(await shop.agent(1000), await shop.offer("person", kind="goods"))
    await scene.run_single(operation)
    (order,) = await scene.one("SELECT id FROM orders WHERE key = :key", key=key)

    result = await scene.race(
        EndOrder(order, OrderEnd(done=True)), EndOrder(order, OrderEnd(done=False, reason="turned_down"))
    )

    return (result, await scene.end_of(key)), ((True, False), ("done", None))


async def order_placed_while_another_ends(scene: Scene) -> tuple[Any, Any]:
    """A third session has locked the wallet. One session places an order, another ends one; then it is released."""
    shop = await scene.shop()
    agent, offer = await shop.agent(2000), await shop.offer("person", kind="goods")
    key, operation = await scene.order(agent, offer)
    await scene.run_single(operation)
    _, new = await scene.order(agent, offer)
    (order,) = await scene.one("SELECT id FROM orders WHERE key = :key", key=key)

    async with scene.db.sessions() as holder, scene.db.sessions() as places, scene.db.sessions() as ends:
        await Operation(OPEN_WALLET, (new.values[0], shop.programme.id)).run(holder)
        placing = asyncio.create_task(run_operation(places, new))
        await asyncio.wait([placing], timeout=WAITING_SECONDS)
        ending = asyncio.create_task(run_operation(ends, EndOrder(order, OrderEnd(done=True))))
        await asyncio.wait([ending], timeout=WAITING_SECONDS)
        await holder.rollback()
        result = await asyncio.gather(placing, ending)

    return DEADLOCK if "40P01" in result else result, [False, True]


class Mutant(NamedTuple):
    """A probe, the removed guard, and the wrong result without it."""

    probe: Callable[[Scene], Awaitable[tuple[Any, Any]]]
    changes: tuple[tuple[str, str, str] | str, ...]
    wrong: Any
    # A function of `transitions` that is replaced.
    replaced: tuple[str, Any] | None = None


MUTANTS = {
    "the unique key of movements": Mutant(
        one_cause_earned_twice,
        ("ALTER TABLE movements DROP CONSTRAINT uq_movements_cause_cause_id_kind_leg",),
        ((1, 2), 200),
    ),
    # The sequence number of the wallet stops the second; an agent who earned gets an error.
    "the lock of the wallet": Mutant(
        two_concurrent_earnings, (("ledger_open", "FOR UPDATE", ""),), ((2, "23505"), 101)
    ),
    "the check of the balance": Mutant(
        unchecked_overdraft, ("ALTER TABLE wallets DROP CONSTRAINT ck_wallets_available",), (-50, -50)
    ),
    "the lock of the account": Mutant(
        gift_split_over_two_programmes,
        (("orders_place", ACCOUNT_LOCK, ""),),
        ((False, False), [("done", None), ("done", None)]),
    ),
    # The check constraint stops it; an agent who should have been refused gets an error.
    "the guard of the units": Mutant(
        last_unit_ordered_twice, (("orders_place", "AND stock > 0", ""),), ((False, "23514"), [("held", None), None])
    ),
    "the lock of the code": Mutant(
        orders_of_two_agents_get_two_codes, (("orders_place", "FOR UPDATE SKIP LOCKED", ""),), ((False, False), (1, 2))
    ),
    # The hold of the ledger stops the second; a member of staff who came too late gets an error.
    "the lock of the order": Mutant(
        order_ended_twice, (), ((True, "SB002"), ("done", None)), ("lock_order", order_without_lock)
    ),
    "the order of locks": Mutant(
        order_placed_while_another_ends,
        (("orders_place", ACCOUNT_LOCK, ""), ("orders_place", OPEN, f"{OPEN} {ACCOUNT_LOCK}")),
        DEADLOCK,
    ),
}


@pytest.mark.parametrize("guard", MUTANTS)
async def test_race_goes_wrong_without_its_guard(own_database_url: str, settings, monkeypatch, guard: str):
    mutant = MUTANTS[guard]
    scene = Scene(own_database_url, settings)
    try:
        seen, expected = await mutant.probe(scene)
        assert seen == expected
        assert await audit.find_faults(scene.owner.engine) == []

        await scene.mutate(*mutant.changes)
        if mutant.replaced:
            monkeypatch.setattr(transitions, *mutant.replaced)

        seen, _ = await mutant.probe(scene)
        assert seen == mutant.wrong
    finally:
        await scene.close()
