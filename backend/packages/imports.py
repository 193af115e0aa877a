"""Codes that others printed, and units under state marking: taken from a file into a batch, refused row by row."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.errors import Invalid
from backend.packages.batches import BatchOver
from backend.packages.codelist import Counting, Judge, NotText, Reason, Row, judge_code, judge_unit, read
from backend.packages.models import Batch
from backend.packages.service import foreign_digest
from backend.programmes.models import Product

CHUNK_ROWS = 5_000
MOST_NAMED = 1_000  # refused rows; more are counted only
STAGE = text("CREATE TEMPORARY TABLE staged (line bigint, code bytea) ON COMMIT DROP")
COPY = "COPY staged (line, code) FROM STDIN"
TAKE_CODES = text("SELECT * FROM packages_take_codes(:batch, :most)")
TAKE_UNITS = text("SELECT * FROM packages_take_units(:batch, :gtin, :most)")

Kept = Callable[[str], bytes]


class NotAList(Invalid):
    """This batch has computed codes: no list of codes belongs to it."""


class NoCodes(Invalid):
    """There is no code in this file."""


class CodesCount(Invalid):
    """These codes are counted up: whoever has one can guess the next. They cannot be worth anything."""


class ListUnreadable(Invalid):
    """This is not text in UTF-8. Save it as a CSV in UTF-8."""


class Refused(msgspec.Struct, frozen=True):
    """A row that was not taken. `same_as` is the line where the same code stands first."""

    line: int
    reason: Reason
    same_as: int | None = None


class Report(msgspec.Struct, frozen=True):
    """What became of a file. The same file again gets the same report."""

    rows: int
    accepted: int
    refused: dict[Reason, int]
    named: list[Refused]


class Sifted:
    """What the rows by themselves say: how many, how many refused for what, and the first of these."""

    def __init__(self) -> None:
        self.rows = 0
        self.refused: Counter[Reason] = Counter()
        self.named: list[Refused] = []

    def add(self, chunk: Sequence[Row]) -> None:
        """Count some more rows."""
        bad = [Refused(row.line, row.reason) for row in chunk if row.reason]
        self.rows += len(chunk)
        self.refused.update(row.reason for row in bad)
        self.named += bad[: MOST_NAMED - len(self.named)]


async def take(
    session: AsyncSession, pepper: bytes, batch: Batch, product: Product, file: BinaryIO, staff_id: int | None = None
) -> Report:
    """Take the codes of a file into a locked batch. What the batch has already counts as taken.

    Raises:
        NotAList: the batch has computed codes. BatchOver: it is closed or revoked. ListUnreadable, NoCodes,
        CodesCount: of the file.
    """
    if batch.origin == "computed":
        raise NotAList
    if batch.state in ("closed", "revoked"):
        raise BatchOver
    gtin = product.gtin or ""
    judge, kept = _judges(batch, gtin, pepper)
    await session.execute(STAGE)
    try:
        sifted = await _stage(session, file, judge, kept)
    except NotText as error:
        raise ListUnreadable from error
    if batch.origin == "marked":
        told = await session.execute(TAKE_UNITS, {"batch": batch.id, "gtin": gtin, "most": MOST_NAMED})
    else:
        told = await session.execute(TAKE_CODES, {"batch": batch.id, "most": MOST_NAMED})
    taken = told.one()
    batch.count = taken.total
    report = _report(sifted, taken.accepted, taken.refused, taken.named)
    events.record(session, "batch.listed", brand_id=batch.brand_id, staff_id=staff_id, batch=str(batch.key),
                  accepted=report.accepted, refused=sum(report.refused.values()))  # fmt: skip
    return report


def _judges(batch: Batch, gtin: str, pepper: bytes) -> tuple[Judge, Kept]:
    """What a row must be, and what is kept of it."""
    if batch.origin == "marked":
        return judge_unit(gtin), str.encode
    return judge_code, lambda code: foreign_digest(pepper, code)


async def _stage(session: AsyncSession, file: BinaryIO, judge: Judge, kept: Kept) -> Sifted:
    """Copy what is good into the staging table."""
    raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    sifted, counting = Sifted(), Counting()
    async with raw.cursor() as cursor, cursor.copy(COPY) as copy:
        async for chunk in _chunks(read(file, judge)):
            sifted.add(chunk)
            good = [row for row in chunk if not row.reason]
            await copy.write(await asyncio.to_thread(_lines, good, kept, counting))
    if not sifted.rows:
        raise NoCodes
    if counting.found:
        raise CodesCount
    return sifted


async def _chunks(rows: Iterator[Row]) -> AsyncIterator[list[Row]]:
    """Rows in handfuls, read and judged in a thread: telling what a code is takes time."""
    while chunk := await asyncio.to_thread(lambda: list(itertools.islice(rows, CHUNK_ROWS))):
        yield chunk


def _lines(rows: list[Row], kept: Kept, counting: Counting) -> str:
    """Rows as COPY reads them."""
    for row in rows:
        counting.watch(row.code)
    return "".join(f"{row.line}\t\\\\x{kept(row.code).hex()}\n" for row in rows)


def _report(sifted: Sifted, accepted: int, counts: dict[Reason, int], named: list[dict[str, object]]) -> Report:
    refused = {reason: number for reason, number in (counts | sifted.refused).items() if number}
    lines = sorted([*sifted.named, *msgspec.convert(named, list[Refused])], key=lambda row: row.line)
    return Report(sifted.rows, accepted, refused, lines[:MOST_NAMED])
