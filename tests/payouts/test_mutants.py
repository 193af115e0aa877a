"""Mutants: each guard of wallets and orders is taken away, one at a time, and its probe notices.

A probe plays a race step by step, so that it finds the same every time. It gives what was seen and what should have
been seen; with all guards in place the two are the same and the books are right.
"""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import AsyncConnection
from sqlalchemy import make_url, text

from backend.database import Database
from payouts import books
from tests.make import World
from tests.offers.spending import Spending

NUMBERS = itertools.count(1000)
WAITING_SECONDS = 0.3  # enough for a deed that nothing stops to end
EARN = "SELECT (ledger_earn(ledger_open(%s, 7, current_date), %s, 1, %s, current_date, current_date, '9999-12-31')).seq"
# A deed that forgot to look at the balance.
BLIND = "SELECT (ledger_move(ledger_open(%s, 7, current_date), 3, 3, 4, %s, 2, %s, 0, NULL, NULL)).available"
PLACE = """
    SELECT changed FROM orders_place(%s, %s, %s, '\\x00', %s, %s, %s, current_date, 2026, NULL, %s, '', NULL, NULL,
        NULL, NULL)
"""
END = "SELECT orders_end(%s, %s, %s, NULL, 'person', NULL, NULL, current_date)"
DEADLOCK = "a deadlock, whoever of the two was chosen"
ACCOUNT_LOCK = "PERFORM pg_advisory_xact_lock(20311, (p_account % 2147483647)::int);"
OPEN = "w := ledger_open(p_account, f.programme_id, p_today);"


class Deed(NamedTuple):
    """A call, and with what."""

    call: str
    values: tuple[Any, ...]


class Scene:
    """A database of its own in which probes play."""

    def __init__(self, url: str, settings: Any) -> None:
        self.plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.db, self.owner = Database(url, pool_size=2), Database(url, pool_size=2, role="")
        self.world = World(self.db, settings, None)

    async def close(self) -> None:
        await self.db.close()
        await self.owner.close()

    def connect(self) -> Any:
        return AsyncConnection.connect(self.plain, options="-c role=scanback_app -c timezone=UTC")

    async def mutate(self, *changes: tuple[str, str, str] | str) -> None:
        """Drop something from a table, or change a function's text."""
        async with await AsyncConnection.connect(self.plain) as connection:
            for change in changes:
                statement = change if isinstance(change, str) else await self.changed(connection, *change)
                await connection.execute(statement)

    async def changed(self, connection: Any, function: str, old: str, new: str) -> str:
        (source,) = await (await connection.execute(f"SELECT pg_get_functiondef('{function}'::regproc)")).fetchone()
        assert old in source, f"{function} has changed: mutate what stands there now"
        return source.replace(old, new)

    async def alone(self, deed: Deed) -> Any:
        async with await self.connect() as connection:
            return await tried(connection, deed)

    async def race(self, first: Deed, second: Deed) -> tuple[Any, Any]:
        """The second begins before the first is committed."""
        async with await self.connect() as one, await self.connect() as two:
            (told,) = await (await one.execute(*first)).fetchone()
            later = asyncio.create_task(tried(two, second))
            await asyncio.wait([later], timeout=WAITING_SECONDS)
            await one.commit()
            return told, await later

    async def one(self, query: str, **values: Any) -> Any:
        return tuple(await self.db.call(text(query), **values))

    async def shop(self, brand: Any = None) -> Spending:
        return Spending(self.world, await self.world.programme(brand, currency="RUB"))

    async def order(self, agent: Any, offer: Any, most: int | None = None) -> tuple[uuid.UUID, Deed]:
        account, device = await self.one(
            "SELECT a.id AS account, d.id AS device FROM accounts a JOIN devices d ON d.account_id = a.id "
            "WHERE a.card_number = :card",
            card=agent.card_number,
        )
        key = uuid.uuid4()
        return key, Deed(PLACE, (account, device, key, offer.id, offer.least, offer.least, most))

    async def end_of(self, key: uuid.UUID) -> Any:
        rows = await self.db.rows(text("SELECT state, reason FROM orders WHERE key = :key"), key=key)
        return tuple(rows[0]) if rows else None


async def tried(connection: Any, deed: Deed) -> Any:
    """What a deed gave, or with which error it failed."""
    try:
        (told,) = await (await connection.execute(*deed)).fetchone()
        await connection.commit()
    except psycopg.Error as error:
        await connection.rollback()
        return error.sqlstate
    return told


async def one_cause_twice(scene: Scene) -> tuple[Any, Any]:
    owner, cause = next(NUMBERS), next(NUMBERS)

    told = await scene.race(Deed(EARN, (owner, 100, cause)), Deed(EARN, (owner, 100, cause)))

    return (told, await available(scene, owner)), ((1, "23505"), 100)


async def two_earnings_at_once(scene: Scene) -> tuple[Any, Any]:
    owner = next(NUMBERS)
    await scene.alone(Deed(EARN, (owner, 1, next(NUMBERS))))

    told = await scene.race(Deed(EARN, (owner, 100, next(NUMBERS))), Deed(EARN, (owner, 50, next(NUMBERS))))

    return (told, await available(scene, owner)), ((2, 3), 151)


async def an_overdraft_by_wrong_code(scene: Scene) -> tuple[Any, Any]:
    owner = next(NUMBERS)
    await scene.alone(Deed(EARN, (owner, 100, next(NUMBERS))))

    told = await scene.alone(Deed(BLIND, (owner, 150, next(NUMBERS))))

    return (told, await available(scene, owner)), ("23514", 100)


async def available(scene: Scene, owner: int) -> int:
    (found,) = await scene.one("SELECT available FROM wallets WHERE owner_id = :owner", owner=owner)
    return found


async def a_gift_split_over_two_programmes(scene: Scene) -> tuple[Any, Any]:
    """Two gifts of one brand on one day are one gift: the second of them takes a contract in writing."""
    brand = await scene.world.brand()
    shops = [await scene.shop(brand) for _ in range(2)]
    agent = await scene.world.account()
    orders = []
    for shop in shops:
        await shop.earn(agent, 1000)
        orders.append(await scene.order(agent, await shop.offer("instant", kind="charity", tax="gift"), 1500))

    told = await scene.race(*(deed for _, deed in orders))

    ends = [await scene.end_of(key) for key, _ in orders]
    return (told, ends), ((False, False), [("done", None), ("held", "written_form")])


async def the_last_unit_twice(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    offer = await shop.offer("person", kind="goods", stock=1)
    orders = [await scene.order(await shop.agent(1000), offer) for _ in range(2)]

    told = await scene.race(*(deed for _, deed in orders))

    ends = [await scene.end_of(key) for key, _ in orders]
    return (told, ends), ((False, False), [("held", None), ("refused", "sold_out")])


async def two_codes_for_two_agents(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    offer = await shop.offer()
    await shop.stock(offer, 2)
    orders = [await scene.order(await shop.agent(1000), offer) for _ in range(2)]

    told = await scene.race(*(deed for _, deed in orders))

    sold = await scene.one(
        "SELECT count(DISTINCT secret) AS codes, count(*) AS orders FROM orders "
        "WHERE state = 'done' AND offer_id = :offer",
        offer=offer.id,
    )
    return (told, sold), ((False, False), (2, 2))


async def an_order_ended_twice(scene: Scene) -> tuple[Any, Any]:
    shop = await scene.shop()
    key, deed = await scene.order(await shop.agent(1000), await shop.offer("person", kind="goods"))
    await scene.alone(deed)
    (order,) = await scene.one("SELECT id FROM orders WHERE key = :key", key=key)

    told = await scene.race(Deed(END, (order, True, None)), Deed(END, (order, False, "turned_down")))

    return (told, await scene.end_of(key)), ((True, False), ("done", None))


async def an_order_beside_the_end_of_another(scene: Scene) -> tuple[Any, Any]:
    """Somebody else has the wallet; one comes to order, another to end an order; then the wallet is free."""
    shop = await scene.shop()
    agent, offer = await shop.agent(2000), await shop.offer("person", kind="goods")
    key, deed = await scene.order(agent, offer)
    await scene.alone(deed)
    _, new = await scene.order(agent, offer)
    (order,) = await scene.one("SELECT id FROM orders WHERE key = :key", key=key)

    async with await scene.connect() as has, await scene.connect() as places, await scene.connect() as ends:
        await has.execute("SELECT ledger_open(%s, %s, current_date)", (new.values[0], shop.programme.id))
        placing = asyncio.create_task(tried(places, new))
        await asyncio.wait([placing], timeout=WAITING_SECONDS)
        ending = asyncio.create_task(tried(ends, Deed(END, (order, True, None))))
        await asyncio.wait([ending], timeout=WAITING_SECONDS)
        await has.rollback()
        told = await asyncio.gather(placing, ending)

    return DEADLOCK if "40P01" in told else told, [False, True]


class Mutant(NamedTuple):
    """What plays, what is taken away, and what goes wrong then."""

    probe: Callable[[Scene], Awaitable[tuple[Any, Any]]]
    changes: tuple[tuple[str, str, str] | str, ...]
    wrong: Any


MUTANTS = {
    "the unique key of movements": Mutant(
        one_cause_twice, ("ALTER TABLE movements DROP CONSTRAINT uq_movements_cause_cause_id_kind_leg",), ((1, 2), 200)
    ),
    # The number in the wallet stops the second; an agent who earned is told of a fault.
    "the lock of the wallet": Mutant(
        two_earnings_at_once, (("ledger_open", "FOR UPDATE", ""),), ((2, "23505"), 101)
    ),
    "the check of the balance": Mutant(
        an_overdraft_by_wrong_code, ("ALTER TABLE wallets DROP CONSTRAINT ck_wallets_available",), (-50, -50)
    ),
    "the lock of the account": Mutant(
        a_gift_split_over_two_programmes, (("orders_place", ACCOUNT_LOCK, ""),),
        ((False, False), [("done", None), ("done", None)]),
    ),
    # The check of the column stops it; an agent who should have been refused is told of a fault.
    "the guard of the units": Mutant(
        the_last_unit_twice, (("orders_place", "AND stock > 0", ""),), ((False, "23514"), [("held", None), None])
    ),
    "the lock of the code": Mutant(
        two_codes_for_two_agents, (("orders_place", "FOR UPDATE SKIP LOCKED", ""),), ((False, False), (1, 2))
    ),
    "the guard of the end": Mutant(
        an_order_ended_twice, (("orders_end", "IF o.state <> 'held' THEN", "IF false THEN"),),
        ((True, "SB002"), ("done", None)),
    ),
    "the order of locks": Mutant(
        an_order_beside_the_end_of_another,
        (("orders_place", ACCOUNT_LOCK, ""), ("orders_place", OPEN, f"{OPEN} {ACCOUNT_LOCK}")),
        DEADLOCK,
    ),
}  # fmt: skip


@pytest.mark.parametrize("guard", MUTANTS)
async def test_what_a_guard_is_for_goes_wrong_without_it(own_database_url: str, settings, guard: str):
    mutant = MUTANTS[guard]
    scene = Scene(own_database_url, settings)
    try:
        seen, expected = await mutant.probe(scene)
        assert seen == expected
        assert await books.faults(scene.owner.engine) == []

        await scene.mutate(*mutant.changes)

        seen, _ = await mutant.probe(scene)
        assert seen == mutant.wrong
    finally:
        await scene.close()
