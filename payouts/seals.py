"""Seals over closed ranges of movements: making them, and proving that what was sealed still stands."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

MOST_ROWS = 50_000
PORTION_SEALS, PORTION_ROWS = 1000, 200_000  # proved by one statement
LOOK_SECONDS = 0.2
NOTHING_BEFORE = bytes(32)

LAST_ID = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM movements_id_seq")
TRANSACTION = text("SELECT pg_current_xact_id()::text")
OVER = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) > CAST(:transaction AS xid8)")
COLUMNS = "upto, previous, root, hash, rows, at"
SEAL = text(f"SELECT {COLUMNS} FROM ledger_seal(:upto, :rows)")  # noqa: S608 - our own columns
ALL = text(f"SELECT {COLUMNS} FROM seals ORDER BY upto")  # noqa: S608
FIRST = text(f"SELECT {COLUMNS} FROM seals ORDER BY upto LIMIT 1")  # noqa: S608
OF_DAY = text(f"SELECT {COLUMNS} FROM seals WHERE at >= :begins AND at < :ends ORDER BY upto")  # noqa: S608
PAGE = text(f"SELECT {COLUMNS} FROM seals WHERE upto > :after ORDER BY upto LIMIT :most")  # noqa: S608
AGAIN = text("""
    SELECT r.n, h.rows
    FROM unnest(CAST(:afters AS bigint[]), CAST(:uptos AS bigint[])) WITH ORDINALITY AS r (after, upto, n)
    JOIN seals s ON s.upto = r.upto CROSS JOIN LATERAL ledger_hash(r.after, s.upto, s.previous, s.secret) AS h
    WHERE h.hash <> s.hash OR h.root <> s.root OR h.leaves <> s.leaves ORDER BY r.n
""")
# Which rows are not what their leaves say, as long as each still stands in its place.
CHANGED = text("""
    SELECT m.id FROM seals s CROSS JOIN LATERAL (
        SELECT m.id, ledger_leaf(m, s.secret) AS leaf, row_number() OVER (ORDER BY m.id) AS n
        FROM movements m WHERE m.id > :after AND m.id <= s.upto) AS m
    WHERE s.upto = :upto AND m.leaf <> substr(s.leaves, (32 * m.n - 31)::int, 32) ORDER BY m.id LIMIT :most
""")
MOST_NAMED = 5


@dataclass(frozen=True)
class Seal:
    """A seal as it was made: it covers the movements after the seal before it up to an id."""

    upto: int
    previous: bytes
    root: bytes
    hash: bytes
    rows: int
    at: datetime

    def line(self) -> str:
        """The seal as text, for the copy that is kept elsewhere."""
        hashes = f"{self.previous.hex()} {self.root.hex()} {self.hash.hex()}"
        return f"{self.upto} {self.rows} {hashes} {self.at.isoformat()}"


class StillOpen(Exception):
    """A transaction that began before the mark still runs, so a movement below it may still appear."""


async def close(engine: AsyncEngine, *, wait_seconds: float, most_rows: int = MOST_ROWS) -> AsyncIterator[Seal]:
    """Seal all movements up to now, in ranges of at most so many rows, each in a transaction of its own.

    A movement's id is drawn by a transaction that has a number already: it has locked the wallet (ledger_open).
    So: look at the last id drawn, then take a number; when every transaction up to that number is over, no lower id
    can be added any more.

    Raises:
        StillOpen: an older transaction ran for longer than we may wait.
    """
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        upto = (await connection.execute(LAST_ID)).scalar_one()
        transaction = (await connection.execute(TRANSACTION)).scalar_one()
        await _over(connection, transaction, wait_seconds)
        while row := (await connection.execute(SEAL, {"upto": upto, "rows": most_rows})).first():
            yield Seal(*row)


async def _over(connection: AsyncConnection, transaction: str, wait_seconds: float) -> None:
    """Wait until every transaction up to a number is over."""
    deadline = time.monotonic() + wait_seconds
    while not (await connection.execute(OVER, {"transaction": transaction})).scalar_one():
        if time.monotonic() > deadline:
            raise StillOpen(f"a transaction has been running for {wait_seconds:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


async def made(engine: AsyncEngine) -> list[Seal]:
    """All seals, in order."""
    async with engine.connect() as connection:
        return [Seal(*row) for row in await connection.execute(ALL)]


async def first(engine: AsyncEngine) -> Seal | None:
    """The seal with which it began."""
    async with engine.connect() as connection:
        row = (await connection.execute(FIRST)).first()
    return Seal(*row) if row else None


async def made_between(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[Seal]:
    """The seals of a stretch of time, in order."""
    async with engine.connect() as connection:
        return [Seal(*row) for row in await connection.execute(OF_DAY, {"begins": begins, "ends": ends})]


def broken_links(seals: list[Seal]) -> Iterable[str]:
    """Seals that do not follow from the one before."""
    if seals and seals[0].previous != NOTHING_BEFORE:
        yield f"the first seal, up to movement {seals[0].upto}, says that there was one before it"
    for before, seal in pairwise(seals):
        if seal.previous != before.hash:
            yield f"the seal up to movement {seal.upto} does not follow the one up to {before.upto}"


def portions(made: list[Seal]) -> list[list[tuple[int, Seal]]]:
    """Seals with the ids after which they begin, in portions of work that are neither many seals nor many rows."""
    found: list[list[tuple[int, Seal]]] = []
    after = rows = 0
    for seal in made:
        if not found or len(found[-1]) == PORTION_SEALS or rows + seal.rows > PORTION_ROWS:
            found.append([])
            rows = 0
        found[-1].append((after, seal))
        rows += seal.rows
        after = seal.upto
    return found


async def faults(engine: AsyncEngine, portion: list[tuple[int, Seal]]) -> list[str]:
    """What is wrong with the movements under some seals; nothing when they are what was sealed."""
    values = {"afters": [after for after, _ in portion], "uptos": [seal.upto for _, seal in portion]}
    async with engine.connect() as connection:
        rows = (await connection.execute(AGAIN, values)).all()
        return [await _said(connection, portion[row.n - 1], row.rows) for row in rows]


async def _said(connection: AsyncConnection, sealed: tuple[int, Seal], rows: int) -> str:
    after, seal = sealed
    said = f"movements {after + 1} to {seal.upto} are not what was sealed on {seal.at:%Y-%m-%d %H:%M} UTC"
    if rows != seal.rows:
        return f"{said}: {rows} rows, not {seal.rows}"
    changed = await connection.execute(CHANGED, {"after": after, "upto": seal.upto, "most": MOST_NAMED})
    named = ", ".join(str(number) for number in changed.scalars())
    return f"{said}: changed {named}" if named else said
