"""Checkpoints over closed ranges of movements: create them, and verify that the movements did not change since."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

MAX_ROWS = 50_000
PORTION_CHECKPOINTS, PORTION_ROWS = 1000, 200_000  # verified by one statement
POLL_SECONDS = 0.2
MAX_NAMED_ROWS = 5
NO_PREVIOUS_HASH = bytes(32)

LAST_ID = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM movements_id_seq")
CURRENT_TRANSACTION = text("SELECT pg_current_xact_id()::text")
TRANSACTIONS_FINISHED = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) > CAST(:transaction AS xid8)")
COLUMNS = "upto, previous, root, hash, rows, at"
CREATE_CHECKPOINT = text(f"SELECT {COLUMNS} FROM ledger_seal(:through_id, :rows)")  # noqa: S608 - our own columns
ALL_CHECKPOINTS = text(f"SELECT {COLUMNS} FROM seals ORDER BY upto")  # noqa: S608
FIRST_CHECKPOINT = text(f"SELECT {COLUMNS} FROM seals ORDER BY upto LIMIT 1")  # noqa: S608
CHECKPOINTS_BETWEEN = text(f"SELECT {COLUMNS} FROM seals WHERE at >= :begins AND at < :ends ORDER BY upto")  # noqa: S608
CHECKPOINT_PAGE = text(f"SELECT {COLUMNS} FROM seals WHERE upto > :after ORDER BY upto LIMIT :most")  # noqa: S608
CHANGED_CHECKPOINTS = text("""
    SELECT r.position, h.rows
    FROM unnest(CAST(:after_ids AS bigint[]), CAST(:through_ids AS bigint[])) WITH ORDINALITY
        AS r (after_id, through_id, position)
    JOIN seals s ON s.upto = r.through_id
    CROSS JOIN LATERAL ledger_hash(r.after_id, s.upto, s.previous, s.secret) AS h
    WHERE h.hash <> s.hash OR h.root <> s.root OR h.leaves <> s.leaves ORDER BY r.position
""")
# Rows that differ from their leaves, if no row was added or removed.
CHANGED_ROWS = text("""
    SELECT m.id FROM seals s CROSS JOIN LATERAL (
        SELECT m.id, ledger_leaf(m, s.secret) AS leaf, row_number() OVER (ORDER BY m.id) AS position
        FROM movements m WHERE m.id > :after_id AND m.id <= s.upto) AS m
    WHERE s.upto = :through_id AND m.leaf <> substr(s.leaves, (32 * m.position - 31)::int, 32)
    ORDER BY m.id LIMIT :limit
""")


@dataclass(frozen=True)
class CheckpointHeader:
    """A checkpoint without its leaves: it covers the movements after the previous checkpoint up to the id `upto`."""

    upto: int
    previous: bytes
    root: bytes
    hash: bytes
    rows: int
    at: datetime

    def line(self) -> str:
        """The checkpoint as text, for the copy in the object storage."""
        hashes = f"{self.previous.hex()} {self.root.hex()} {self.hash.hex()}"
        return f"{self.upto} {self.rows} {hashes} {self.at.isoformat()}"


class TransactionStillOpen(Exception):
    """A transaction that began before the checkpoint still runs, so a movement with a lower id may still appear."""


async def create_checkpoints(
    engine: AsyncEngine, *, wait_seconds: float, max_rows: int = MAX_ROWS
) -> AsyncIterator[CheckpointHeader]:
    """Cover all movements up to now, in ranges of `max_rows` at most, each in a transaction of its own.

    A transaction has its number before it draws the id of a movement, because it has locked the wallet (ledger_open).
    So read the last id drawn, then take a transaction number. When all transactions up to that number are finished,
    no lower id can appear any more.

    Raises:
        TransactionStillOpen: an older transaction ran for longer than `wait_seconds`.
    """
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as connection:
        through_id = (await connection.execute(LAST_ID)).scalar_one()
        transaction = (await connection.execute(CURRENT_TRANSACTION)).scalar_one()
        await _wait_for_transactions(connection, transaction, wait_seconds)
        values = {"through_id": through_id, "rows": max_rows}
        while row := (await connection.execute(CREATE_CHECKPOINT, values)).first():
            yield CheckpointHeader(*row)


async def _wait_for_transactions(connection: AsyncConnection, transaction: str, wait_seconds: float) -> None:
    """Wait until every transaction up to a number is finished."""
    deadline = time.monotonic() + wait_seconds
    while not (await connection.execute(TRANSACTIONS_FINISHED, {"transaction": transaction})).scalar_one():
        if time.monotonic() > deadline:
            raise TransactionStillOpen(f"a transaction has been running for {wait_seconds:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def all_checkpoints(engine: AsyncEngine) -> list[CheckpointHeader]:
    """All checkpoints, oldest first."""
    async with engine.connect() as connection:
        return [CheckpointHeader(*row) for row in await connection.execute(ALL_CHECKPOINTS)]


async def first_checkpoint(engine: AsyncEngine) -> CheckpointHeader | None:
    """The oldest checkpoint."""
    async with engine.connect() as connection:
        row = (await connection.execute(FIRST_CHECKPOINT)).first()
    return CheckpointHeader(*row) if row else None


async def checkpoints_between(engine: AsyncEngine, begins: datetime, ends: datetime) -> list[CheckpointHeader]:
    """The checkpoints that were created in a period, oldest first."""
    async with engine.connect() as connection:
        rows = await connection.execute(CHECKPOINTS_BETWEEN, {"begins": begins, "ends": ends})
        return [CheckpointHeader(*row) for row in rows]


def broken_links(headers: list[CheckpointHeader]) -> Iterable[str]:
    """Checkpoints that do not follow from the previous one, as sentences."""
    if headers and headers[0].previous != NO_PREVIOUS_HASH:
        yield f"the first seal, up to movement {headers[0].upto}, names a seal before it"
    for previous, header in pairwise(headers):
        if header.previous != previous.hash:
            yield f"the seal up to movement {header.upto} does not follow the one up to {previous.upto}"


def split_into_portions(headers: list[CheckpointHeader]) -> list[list[tuple[int, CheckpointHeader]]]:
    """Checkpoints with the id after which each begins, in portions of limited checkpoints and rows."""
    portions: list[list[tuple[int, CheckpointHeader]]] = []
    after_id = rows = 0
    for header in headers:
        if not portions or len(portions[-1]) == PORTION_CHECKPOINTS or rows + header.rows > PORTION_ROWS:
            portions.append([])
            rows = 0
        portions[-1].append((after_id, header))
        rows += header.rows
        after_id = header.upto
    return portions


async def find_faults(engine: AsyncEngine, portion: list[tuple[int, CheckpointHeader]]) -> list[str]:
    """Sentences about checkpoints whose movements changed; empty if none did."""
    values = {
        "after_ids": [after_id for after_id, _ in portion],
        "through_ids": [header.upto for _, header in portion],
    }
    async with engine.connect() as connection:
        rows = (await connection.execute(CHANGED_CHECKPOINTS, values)).all()
        return [await _describe_fault(connection, portion[row.position - 1], row.rows) for row in rows]


async def _describe_fault(connection: AsyncConnection, covered: tuple[int, CheckpointHeader], rows: int) -> str:
    after_id, header = covered
    fault = f"movements {after_id + 1} to {header.upto} are not what was sealed on {header.at:%Y-%m-%d %H:%M} UTC"
    if rows != header.rows:
        return f"{fault}: {rows} rows, not {header.rows}"
    values = {"after_id": after_id, "through_id": header.upto, "limit": MAX_NAMED_ROWS}
    changed = await connection.execute(CHANGED_ROWS, values)
    ids = ", ".join(str(movement_id) for movement_id in changed.scalars())
    return f"{fault}: changed {ids}" if ids else fault
