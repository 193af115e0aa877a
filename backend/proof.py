"""The proof of this installation's books: the ledger's own, accruals, dues, statements, certificates, kept seals."""

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.checkout.checks import DUES, SALES, STATEMENTS
from backend.database import APP_ROLE
from backend.files.objects import FileMissing
from backend.files.store import Files
from backend.offers.accounting_checks import SPENDING
from backend.offers.certificate_checks import CERTIFICATES
from backend.programmes.checks import ACCRUALS
from backend.settings import Settings
from payouts import books, seals
from payouts.books import Progress, Proof
from payouts.models import BooksCheck
from payouts.seals import Seal

FIRST = "seals/first.txt"
# What must be true beside the ledger itself.
EXTRA = (ACCRUALS, CERTIFICATES, DUES, SALES, *SPENDING, STATEMENTS)


@asynccontextmanager
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Connections for proofs, with the application's rights."""
    proving = books.engine(settings.database_url, f"-c timezone=UTC -c role={APP_ROLE}")
    try:
        yield proving
    finally:
        await proving.dispose()


async def prove(settings: Settings, files: Files, progress: Progress | None = None) -> Proof:
    """Prove the books and keep the result for /metrics."""
    async with engine(settings) as proving:
        proof = await books.prove(proving, extra=EXTRA, progress=progress)
        proof = replace(proof, faults=[*proof.faults, *await copies_that_differ(proving, files)])
        async with proving.connect() as connection:
            row = {"movements": proof.movements, "seconds": proof.seconds, "faults": proof.faults}
            await connection.execute(insert(BooksCheck).values(row))
    return proof


async def seal(settings: Settings, files: Files, *, wait_seconds: float) -> list[Seal]:
    """Seal what can be sealed, and keep a copy where the database cannot reach it.

    Raises:
        payouts.seals.StillOpen: a transaction runs for longer than we may wait.
    """
    async with engine(settings) as proving:
        made = [one async for one in seals.close(proving, wait_seconds=wait_seconds)]
        await _copy(proving, files)
    return made


async def _copy(proving: AsyncEngine, files: Files) -> None:
    """Bring the copies up to date, from today back to the last day that is complete."""
    first = await seals.first(proving)
    if first is None:
        return
    if not await files.exists(FIRST):
        await _put(files, FIRST, _lines([first]))
    for day in reversed(_days(_day(first))):
        content = _lines(await seals.made_between(proving, *_bounds(day)))
        stored = await _stored(files, _name(day))
        # One that says otherwise is evidence: it stays, and the proof of the books tells of it.
        if (content and stored == content) or not content.startswith(stored):
            break
        if stored != content:
            await _put(files, _name(day), content)


async def copies_that_differ(proving: AsyncEngine, files: Files) -> list[str]:
    """What the copies say otherwise than the database. A copy may lack the last lines of its day."""
    made = await seals.made(proving)
    days = _by_day(made)
    first = await _stored(files, FIRST)
    if first and first != _lines(made[:1]):
        return ["the first seal is not the one that was kept elsewhere"]
    found = []
    for day in _days(min(days, default=_today())):
        content, stored = days.get(day, ""), await _stored(files, _name(day))
        if not content.startswith(stored):
            found.append(f"the seals of {day} are not those that were kept elsewhere")
        elif content and not stored and day < _today() - timedelta(days=1):
            found.append(f"the copy of the seals of {day} is missing")
    return found


def _by_day(made: list[Seal]) -> dict[date, str]:
    return {day: _lines(some) for day, some in groupby(made, _day)}


def _day(one: Seal) -> date:
    return one.at.astimezone(UTC).date()


def _lines(some: Iterable[Seal]) -> str:
    return "".join(one.line() + "\n" for one in some)


def _bounds(day: date) -> tuple[datetime, datetime]:
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begins, begins + timedelta(days=1)


def _days(first: date) -> list[date]:
    """All days from the first to today."""
    return [first + timedelta(days=number) for number in range((_today() - first).days + 1)]


def _today() -> date:
    return datetime.now(UTC).date()


def _name(day: date) -> str:
    return f"seals/{day}.txt"


async def _stored(files: Files, name: str) -> str:
    try:
        return b"".join([chunk async for chunk in await files.open(name)]).decode("ascii")
    except FileMissing:
        return ""


async def _put(files: Files, name: str, content: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content.encode("ascii"))
        await files.put(name, file)
