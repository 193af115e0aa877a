"""The proof of this installation's ledger: the checks of payouts, accruals, dues, statements, certificates, seals."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.checkout.checks import PAYABLES, SALES, STATEMENTS
from backend.core.db.database import APP_ROLE, Database
from backend.core.settings import Settings
from backend.core.storage.store import Files
from backend.core.storage.text_objects import read_text, write_text
from backend.identity.brands import timezones
from backend.operations import audit_checkpoints
from backend.programmes.checks import ACCRUALS, ADDITIONAL
from backend.spending.accounting.checks import SPENDING
from backend.spending.corrections.checks import CORRECTIONS
from backend.spending.gift_cards.checks import GIFT_CARDS
from payouts import audit, checkpoints
from payouts.audit import LedgerAudit, Progress
from payouts.checkpoints import CheckpointHeader
from payouts.models import LedgerAuditRecord

FIRST = "seals/first.txt"
# Checks beside those of the ledger itself.
EXTRA = (ACCRUALS, ADDITIONAL, GIFT_CARDS, CORRECTIONS, PAYABLES, SALES, *SPENDING, STATEMENTS)


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Connections for proofs, with the application's rights."""
    proving = audit.create_audit_engine(settings.database_url, f"-c timezone=UTC -c role={APP_ROLE}")
    try:
        yield proving
    finally:
        await proving.dispose()


async def prove(settings: Settings, files: Files, progress: Progress | None = None) -> LedgerAudit:
    """Prove the books and store the result for /metrics."""
    async with open_engine(settings) as proving:
        proof = await audit.audit_ledger(proving, extra=EXTRA, progress=progress)
        faults = [
            *proof.faults,
            *await find_differing_copies(proving, files),
            *await audit_checkpoints.find_faults(proving, files),
        ]
        proof = replace(proof, faults=faults, warnings=await _zones_that_differ(proving))
        async with proving.connect() as connection:
            row = {"movements": proof.movements, "seconds": proof.seconds, "faults": proof.faults}
            await connection.execute(insert(LedgerAuditRecord).values(row))
    return proof


async def seal(settings: Settings, files: Files, *, wait_seconds: float) -> list[CheckpointHeader]:
    """Seal what can be sealed, and store a copy outside the database.

    Raises:
        payouts.checkpoints.TransactionStillOpen: a transaction runs longer than `wait_seconds`.
    """
    async with open_engine(settings) as proving:
        made = [one async for one in checkpoints.create_checkpoints(proving, wait_seconds=wait_seconds)]
        await _copy_checkpoints(proving, files)
    await _seal_audit_log(settings, files, wait_seconds)
    return made


async def _seal_audit_log(settings: Settings, files: Files, wait_seconds: float) -> None:
    """Seal the audit log."""
    db = Database(settings.database_url, 1)
    try:
        await audit_checkpoints.create_seals(db, files, wait_seconds=wait_seconds)
    finally:
        await db.close()


async def _copy_checkpoints(proving: AsyncEngine, files: Files) -> None:
    """Bring the copies up to date, from today back to the last day that is complete."""
    first = await checkpoints.first_checkpoint(proving)
    if first is None:
        return
    if not await files.exists(FIRST):
        await write_text(files, FIRST, _checkpoint_lines([first]))
    for day in reversed(_days_since(_checkpoint_day(first))):
        content = _checkpoint_lines(await checkpoints.checkpoints_between(proving, *_day_bounds(day)))
        stored = await read_text(files, _copy_name(day))
        # A copy that differs is evidence: it is never overwritten, and the proof of the books reports it.
        if (content and stored == content) or not content.startswith(stored):
            break
        if stored != content:
            await write_text(files, _copy_name(day), content)


async def _zones_that_differ(proving: AsyncEngine) -> list[str]:
    """Time zones in which Python and PostgreSQL compute different days: their rules differ, or one lacks the zone."""
    async with proving.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        names = await timezones.invalid_timezones(connection)
    return [f"time zone {name}: set another for its programmes and shops, or update the zone data" for name in names]


async def find_differing_copies(proving: AsyncEngine, files: Files) -> list[str]:
    """Differences between copies and database. A copy may lack the last lines of its day."""
    made = await checkpoints.all_checkpoints(proving)
    days = _by_day(made)
    first = await read_text(files, FIRST)
    if first and first != _checkpoint_lines(made[:1]):
        return ["the first seal is not the one that was kept elsewhere"]
    found = []
    for day in _days_since(min(days, default=_utc_today())):
        content, stored = days.get(day, ""), await read_text(files, _copy_name(day))
        if not content.startswith(stored):
            found.append(f"the seals of {day} are not those that were kept elsewhere")
        elif content and not stored and day < _utc_today() - timedelta(days=1):
            found.append(f"the copy of the seals of {day} is missing")
    return found


def _by_day(made: list[CheckpointHeader]) -> dict[date, str]:
    return {day: _checkpoint_lines(some) for day, some in groupby(made, _checkpoint_day)}


def _checkpoint_day(one: CheckpointHeader) -> date:
    return one.at.astimezone(UTC).date()


def _checkpoint_lines(some: Iterable[CheckpointHeader]) -> str:
    return "".join(one.line() + "\n" for one in some)


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begins, begins + timedelta(days=1)


def _days_since(first: date) -> list[date]:
    """All days from the first to today."""
    return [first + timedelta(days=number) for number in range((_utc_today() - first).days + 1)]


def _utc_today() -> date:
    return datetime.now(UTC).date()


def _copy_name(day: date) -> str:
    return f"seals/{day}.txt"
