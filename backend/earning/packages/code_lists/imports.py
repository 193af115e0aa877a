"""Imports codes printed elsewhere and units under state marking from a file into a batch."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.db.database import LONG_STATEMENT
from backend.core.http.errors import Invalid
from backend.core.keyring import Keyring
from backend.core.security import digests
from backend.core.tabular.cells import Source
from backend.core.tabular.reader import FileUnreadable
from backend.earning.packages.batches import BatchOver
from backend.earning.packages.code_lists import staged_codes
from backend.earning.packages.code_lists.code_file import CodeColumnMissing, CodeFile
from backend.earning.packages.code_lists.code_list import (
    CodeCheck,
    CodeRow,
    Reason,
    SequenceDetector,
    check_code,
    is_two_columns,
    is_unit_in_two_columns,
    marking_check,
    refuse_damaged,
)
from backend.earning.packages.code_lists.staged_codes import (
    CREATE_STAGED,
    MAX_NAMED_ROWS,
    ListedRows,
    RefusedLine,
)
from backend.earning.packages.models import Batch
from backend.earning.packages.service import listed_code_digests, older_code_digests
from backend.programmes.models import Product

CHUNK_ROWS = 5_000
COPY_STAGED = "COPY staged (line, code, older) FROM STDIN"

# The stored form of a code, and that of earlier releases if it differs.
StoredForm = Callable[[str], tuple[bytes, bytes | None]]

__all__ = ["CodeColumnMissing", "import_codes"]


class NotAList(Invalid):
    """This batch has computed codes: no list of codes belongs to it."""

    code = "not_a_list"


class NoCodes(Invalid):
    """There is no code in this file."""

    code = "no_codes"


class CodesCount(Invalid):
    """These codes are consecutive numbers, so the next one could be guessed. Use random codes."""

    code = "codes_count"


class ListUnreadable(Invalid):
    """This file is not a readable text or XLSX, or has a password. Save it as a CSV in UTF-8."""

    code = "list_unreadable"


class CodeListReport(msgspec.Struct, frozen=True):
    """The result of an import. The same file again gets the same report."""

    rows: int
    accepted: int
    refused: dict[Reason, int]
    named: list[RefusedLine]
    source: Source | None = None
    columns: dict[str, str] = {}
    ignored_columns: list[str] = []


class RowCounts:
    """Counts of rows: all, refused by reason, and the first refused ones."""

    def __init__(self) -> None:
        self.rows = 0
        self.refused: Counter[Reason] = Counter()
        self.named: list[RefusedLine] = []

    def add(self, chunk: Sequence[CodeRow]) -> None:
        """Count a chunk of rows."""
        bad = [RefusedLine(row.line, row.reason) for row in chunk if row.reason]
        self.rows += len(chunk)
        self.refused.update(row.reason for row in bad)
        self.named += bad[: MAX_NAMED_ROWS - len(self.named)]


async def import_codes(
    session: AsyncSession, peppers: Keyring, batch: Batch, product: Product, file: BinaryIO, staff_id: int | None = None
) -> CodeListReport:
    """Import the codes of a file into a locked batch. Codes that the batch already has count as accepted.

    Raises:
        NotAList: the batch has computed codes. BatchOver: it is closed or revoked. ListUnreadable, LineBroken,
        CodeColumnMissing, NoCodes, CodesCount, WorkbookBusy: the file cannot be imported.
    """
    if batch.origin == "computed":
        raise NotAList
    if batch.state in ("closed", "revoked"):
        raise BatchOver
    gtin = product.gtin or ""
    number: int = (await session.execute(digests.HOLD, {"name": digests.LISTED_CODES.name})).scalar_one()
    check, stored_form = _check_and_form(batch, gtin, peppers, number)
    codes = CodeFile(file, check, is_unit_in_two_columns if batch.origin == "marked" else is_two_columns)
    await session.execute(LONG_STATEMENT)
    await session.execute(CREATE_STAGED)
    try:
        counts = await _stage_codes(session, codes, stored_form)
    except FileUnreadable as error:
        raise ListUnreadable from error
    if batch.origin == "marked":
        listed = await staged_codes.add_units(session, batch, gtin)
    else:
        listed = await staged_codes.add_codes(session, batch)
    batch.count = listed.total
    report = _import_report(counts, listed)
    report = msgspec.structs.replace(
        report, source=codes.source, columns=codes.columns, ignored_columns=codes.ignored_columns
    )
    events.record(
        session,
        "batch.listed",
        brand_id=batch.brand_id,
        staff_id=staff_id,
        batch=str(batch.key),
        accepted=report.accepted,
        refused=sum(report.refused.values()),
    )
    return report


def _check_and_form(batch: Batch, gtin: str, peppers: Keyring, number: int) -> tuple[CodeCheck, StoredForm]:
    """The check of a row, and the function to its stored form."""
    if batch.origin == "marked":
        return marking_check(gtin), lambda serial: (serial.encode(), None)
    return check_code, lambda code: _code_digests(peppers, number, code)


def _code_digests(peppers: Keyring, number: int, code: str) -> tuple[bytes, bytes | None]:
    digest, older = listed_code_digests(peppers, code)[number - 1], older_code_digests(peppers, code)[number - 1]
    return digest, older if older != digest else None


async def _stage_codes(session: AsyncSession, codes: CodeFile, stored_form: StoredForm) -> RowCounts:
    """Copy the accepted rows into the staging table."""
    raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    counts, sequence = RowCounts(), SequenceDetector()
    with contextlib.closing(codes.rows()) as rows:
        async with raw.cursor() as cursor, cursor.copy(COPY_STAGED) as copy:
            async for chunk in _chunk_rows(rows):
                counts.add(chunk)
                good = [row for row in chunk if not row.reason]
                await copy.write(await asyncio.to_thread(_copy_lines, good, stored_form, sequence))
    if not counts.rows:
        raise NoCodes
    if sequence.found:
        raise CodesCount
    return counts


async def _chunk_rows(rows: Iterator[CodeRow]) -> AsyncIterator[list[CodeRow]]:
    """Rows in chunks, read and checked in a thread, since classifying codes takes time."""
    while chunk := await asyncio.to_thread(lambda: refuse_damaged(list(itertools.islice(rows, CHUNK_ROWS)))):
        yield chunk


def _copy_lines(rows: list[CodeRow], stored_form: StoredForm, sequence: SequenceDetector) -> str:
    """Rows in the format of COPY."""
    for row in rows:
        sequence.watch(row.code)
    return "".join(
        f"{row.line}\t{_copy_hex(code)}\t{_copy_hex(older)}\n"
        for row in rows
        for code, older in [stored_form(row.code)]
    )


def _copy_hex(value: bytes | None) -> str:
    return "\\N" if value is None else f"\\\\x{value.hex()}"


def _import_report(counts: RowCounts, listed: ListedRows) -> CodeListReport:
    named = sorted([*counts.named, *listed.named], key=lambda row: row.line)
    return CodeListReport(counts.rows, listed.accepted, {**listed.refused, **counts.refused}, named[:MAX_NAMED_ROWS])
