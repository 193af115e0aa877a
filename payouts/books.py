"""The proof of the books: wallets, movements, lots and their uses agree, and the seals hold."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from payouts import seals
from payouts.checks import ALWAYS, EXACT, SUMS

# What a proof over millions of rows wants of PostgreSQL, and nobody else should have.
OPTIONS = "-c work_mem=64MB -c hash_mem_multiplier=2 -c jit=off -c statement_timeout=0"
COUNT = text("SELECT count(*) FROM movements")
SHOWN = 20

# Called with how many of how many steps are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Proof:
    """How the books stood: how many movements were proved in how many seconds, and what was wrong, in words."""

    movements: int
    sealed: int
    seconds: float
    faults: list[str]


def engine(url: str, options: str, at_once: int = 2) -> AsyncEngine:
    """An engine for proofs: single statements, a few at once, with memory to work in."""
    return create_async_engine(
        url,
        pool_size=at_once,
        max_overflow=0,
        pool_timeout=3600,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": f"{options} {OPTIONS}"},
    )


async def prove(proving: AsyncEngine, *, extra: Sequence[str] = (), progress: Progress | None = None) -> Proof:
    """Prove the books, with further queries of the caller's that return an id and what is wrong with it.

    Each query is one statement over one snapshot, so a proof needs no standstill; as many run at once as the
    engine's pool has connections.
    """
    begun = time.perf_counter()
    made = await seals.made(proving)
    steps: list[Awaitable[list[str]]] = [_by_sums(proving), *(_found(proving, query) for query in (*ALWAYS, *extra))]
    steps += [seals.faults(proving, portion) for portion in seals.portions(made)]
    done, faults = 0, list(seals.broken_links(made))

    async def counted(step: Awaitable[list[str]]) -> list[str]:
        nonlocal done
        found = await step
        done += 1
        if progress:
            progress(done, len(steps))
        return found

    for found in await asyncio.gather(*map(counted, steps)):
        faults += found
    async with proving.connect() as connection:
        movements = (await connection.execute(COUNT)).scalar_one()
    return Proof(movements, sum(seal.rows for seal in made), round(time.perf_counter() - begun, 1), faults)


async def _by_sums(proving: AsyncEngine) -> list[str]:
    """Sums over everything, and a closer look only where they differ."""
    async with proving.connect() as connection:
        right = (await connection.execute(text(SUMS))).mappings().one()
    found = []
    for family in (name for name in EXACT if not right[name]):
        found += await _found(proving, EXACT[family]) or [f"sums differ, but no row is wrong: {family}"]
    return found


async def _found(proving: AsyncEngine, query: str) -> list[str]:
    few = text(f"SELECT * FROM ({query}) AS found LIMIT {SHOWN + 1}")  # noqa: S608 - our own queries
    async with proving.connect() as connection:
        rows = (await connection.execute(few)).all()
    shown = [f"{what}: {number}" for number, what in rows[:SHOWN]]
    return [*shown, f"{rows[0][1]}: and more"] if len(rows) > SHOWN else shown


async def faults(proving: AsyncEngine) -> list[str]:
    """What is wrong with the books, in words; empty when they are right."""
    return (await prove(proving)).faults
