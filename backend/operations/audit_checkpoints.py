"""Seals of the audit log: a chain of Merkle roots, like that of the ledger's movements.

A changed row is reported by id, a removed row or seal is detected: each seal includes the hash of the previous one, and
a copy of all seals is stored outside the database.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from sqlalchemy import BigInteger, func, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db.database import Database
from backend.core.storage.store import Files
from backend.core.storage.text_objects import read_text, write_text
from backend.notifications.webhooks import event_watermark
from payouts.models import Base

MAX_ROWS = 10_000  # of one seal: one statement hashes them in a tenth of a second
FOLDER = "audit-seals"
FIRST = f"{FOLDER}/first.txt"
COPIED_DAYS = 7  # how far back missing copies are written

SEAL = text("SELECT * FROM audit_seal(:upto, :rows)")
MADE = text("SELECT upto, previous, root, hash, rows, at FROM audit_seals ORDER BY upto")
WRONG = text("""
    SELECT s.upto, s.after, s.at, s.rows AS sealed, h.rows, (
        SELECT array_agg(e.id ORDER BY e.id) FROM (
            SELECT e.id, audit_leaf(e) AS leaf, row_number() OVER (ORDER BY e.id) AS n FROM events e
            WHERE e.staff_id IS NOT NULL AND e.id > s.after AND e.id <= s.upto) AS e
        WHERE h.rows = s.rows AND e.leaf <> substr(s.leaves, (32 * e.n - 31)::int, 32)) AS changed
    FROM (SELECT *, lag(upto, 1, 0::bigint) OVER (ORDER BY upto) AS after FROM audit_seals) AS s
    CROSS JOIN LATERAL audit_hash(s.after, s.upto, s.previous) AS h
    WHERE h.hash <> s.hash OR h.root <> s.root OR h.leaves <> s.leaves ORDER BY s.upto LIMIT 20
""")


class AuditSeal(Base):
    """The Merkle root of the staff's events after the previous seal up to an id, and a hash of that root and the
    previous seal. `leaves` are concatenated, 32 bytes each."""

    __tablename__ = "audit_seals"

    upto: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    previous: Mapped[bytes] = mapped_column(unique=True)
    root: Mapped[bytes]
    hash: Mapped[bytes]
    rows: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    leaves: Mapped[bytes]


class SealRow(NamedTuple):
    """The columns of `MADE`."""

    upto: int
    previous: bytes
    root: bytes
    hash: bytes
    rows: int
    at: datetime


class FaultRow(NamedTuple):
    """The columns of `WRONG`: a seal of `sealed` rows that are `rows` now, and the ids of those that changed."""

    upto: int
    after: int
    at: datetime
    sealed: int
    rows: int
    changed: list[int] | None


async def create_seals(db: Database, files: Files, *, wait_seconds: float) -> int:
    """Seal the entries that are final, and copy the seals elsewhere. Returns the number of sealed entries."""
    upto, sealed = await event_watermark.safe_event_id(db, wait_seconds=wait_seconds), 0
    while upto is not None and (made := await db.rows(SEAL, upto=upto, rows=MAX_ROWS)):
        sealed += made[0].rows
    await _copy_checkpoints(files, [SealRow(*row) for row in await db.rows(MADE)])
    return sealed


async def find_faults(proving: AsyncEngine, files: Files) -> list[str]:
    """Compare the audit log with its seals. Returns the faults as sentences."""
    async with proving.connect() as connection:
        made = [SealRow(*row) for row in await connection.execute(MADE)]
        wrong = [FaultRow(*row) for row in await connection.execute(WRONG)]
    return [*map(_describe_fault, wrong), *_broken_links(made), *await _copies_that_differ(files, made)]


def _describe_fault(row: FaultRow) -> str:
    fault = f"staff's log: events {row.after + 1} to {row.upto} are not what was sealed on {row.at:%Y-%m-%d %H:%M} UTC"
    if row.rows != row.sealed:
        return f"{fault}: {row.rows} rows, not {row.sealed}"
    return f"{fault}: changed {', '.join(map(str, row.changed[:5]))}" if row.changed else fault


def _broken_links(made: Iterable[SealRow]) -> Iterable[str]:
    for before, seal in pairwise(made):
        if seal.previous != before.hash:
            yield f"staff's log: the seal up to {seal.upto} does not follow the one up to {before.upto}"


def _by_day(made: Iterable[SealRow]) -> dict[date, str]:
    """Seals as lines of text, day by day."""
    days = groupby(made, lambda seal: seal.at.astimezone(UTC).date())
    return {day: "".join(map(_checkpoint_line, some)) for day, some in days}


def _checkpoint_line(seal: SealRow) -> str:
    hashes = f"{seal.previous.hex()} {seal.root.hex()} {seal.hash.hex()}"
    return f"{seal.upto} {seal.rows} {hashes} {seal.at.isoformat()}\n"


async def _copy_checkpoints(files: Files, made: Sequence[SealRow]) -> None:
    since = datetime.now(UTC).date() - timedelta(days=COPIED_DAYS)
    if made and not await read_text(files, FIRST):
        await write_text(files, FIRST, _checkpoint_line(made[0]))
    for day, content in _by_day(made).items():
        stored = await read_text(files, _copy_name(day)) if day >= since else content
        # A copy that differs is evidence: it is never overwritten, and the ledger check reports it.
        if stored != content and content.startswith(stored):
            await write_text(files, _copy_name(day), content)


async def _copies_that_differ(files: Files, made: Sequence[SealRow]) -> list[str]:
    """Days whose copy differs from the database, including days without a seal in the database."""
    days, today = _by_day(made), datetime.now(UTC).date()
    # The first seal's copy reveals seals that were all recreated, however long nothing was sealed.
    begin = await read_text(files, FIRST)
    if begin and begin != "".join(map(_checkpoint_line, made[:1])):
        return ["staff's log: the first seal is not the one that was kept elsewhere"]
    first = min(days, default=today)
    checked_days = {first + timedelta(days=n) for n in range(-COPIED_DAYS, (today - first).days + 1)}
    return [
        f"staff's log: the seals of {day} are not those that were kept elsewhere"
        for day in sorted(checked_days)
        if not days.get(day, "").startswith(await read_text(files, _copy_name(day)))
    ]


def _copy_name(day: date) -> str:
    return f"{FOLDER}/{day}.txt"
