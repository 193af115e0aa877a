"""Import of sellers whose receipts earn points or not: tax number, allowed, note."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import IO

from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.ru import inn as tax_number

from backend.core.http.errors import DomainError, Invalid, TooLarge
from backend.core.tabular import changes, reader, values
from backend.core.tabular.cells import EMPTY, TableRow
from backend.core.tabular.headers import folded
from backend.core.tabular.reader import Limits
from backend.earning.receipts.review.sellers import service as sellers
from backend.identity.brands.authentication import Member
from backend.imports.schemas import ImportReport
from backend.programmes.products.columns import NO, YES, CellTooLong, CellUnreadable, FlagInvalid
from backend.programmes.products.import_changes import ValueChangedInvalid
from backend.programmes.products.import_reader import RowTooLong, RowTooShort, row_problem
from backend.programmes.schemas import ImportSource

MOST_ROWS, NOTE_LENGTH = 5000, 200
LIMITS = Limits(unpacked_bytes=32 * 2**20, texts=4 * MOST_ROWS)
HEADERS = {
    "inn": ("inn", "инн", "tax number", "налоговый номер"),
    "allowed": ("allowed", "разрешен", "разрешено", "платить", "платим"),
    "note": ("note", "примечание", "комментарий", "заметка"),
}
FIELDS = {header: name for name, headers in HEADERS.items() for header in headers}


class SellerColumns(Invalid):
    """The first line must name the columns: inn and allowed, each once, and note where there is one."""

    code = "seller_columns"


class SellerRepeated(Invalid):
    """This tax number is in an earlier row of the file, which was used."""

    code = "seller_repeated"


class TooManySellers(TooLarge):
    """The file has more than {most} rows. Send it in parts."""

    code = "too_many_sellers"


def count_known_headers(headers: Sequence[str]) -> int:
    """How many of these are known headers, which identify a file's encoding and separator."""
    return sum(folded(header) in FIELDS for header in headers)


async def import_sellers(session: AsyncSession, member: Member, file: IO[bytes]) -> ImportReport:
    """Allow or forbid the receipts of each seller in a file.

    Raises:
        FileUnreadable, LineBroken, SellerColumns, TooManySellers: the file as a whole is refused.
    """
    source, headers, rows = await asyncio.to_thread(_read_rows, file)
    places = _column_places(headers)
    report = ImportReport(len(rows), 0, 0, 0, 0, source=source)
    report.columns = {headers[place]: name for name, place in places.items()}
    report.ignored_columns = [header for place, header in enumerate(headers) if header and place not in places.values()]
    seen: set[str] = set()
    for row in rows:
        await _import_row(session, member, row, headers, places, seen, report)
    return report


def _read_rows(file: IO[bytes]) -> tuple[ImportSource, list[str], list[TableRow]]:
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(reader.opened(file, LIMITS, count_known_headers))
        first = next(table.rows, None)
        rows = list(itertools.islice(table.rows, MOST_ROWS + 1))
    if first is None:
        raise reader.FileUnreadable
    if len(rows) > MOST_ROWS:
        raise TooManySellers(most=MOST_ROWS)
    return ImportSource.of(table.source), [cell.text for cell in first.cells], rows


def _column_places(headers: Sequence[str]) -> dict[str, int]:
    named = [FIELDS.get(folded(header)) for header in headers]
    places = {name: place for place, name in enumerate(named) if name}
    if not {"inn", "allowed"} <= places.keys() or len(places) < sum(map(bool, named)):
        raise SellerColumns
    return places


async def _import_row(
    session: AsyncSession,
    member: Member,
    row: TableRow,
    headers: Sequence[str],
    places: dict[str, int],
    seen: set[str],
    report: ImportReport,
) -> None:
    cells = {name: row.cells[place] if place < len(row.cells) else EMPTY for name, place in places.items()}
    name = ""
    try:
        if any(cell.text for cell in row.cells[len(headers) :]):
            raise RowTooLong
        name = "inn"
        inn = tax_number.compact(values.code(cells["inn"]))
        if inn in seen:
            raise SellerRepeated
        name = "allowed"
        allowed = _parse_allowed(values.flag(cells["allowed"]))
        name = "note"
        note = _parse_note(values.text(cells.get("note", EMPTY)))
        name = "inn"
        before = await sellers.find_seller(session, member, inn)
        old = (before.allowed, before.note) if before else None
        new = (allowed, note if "note" in places or old is None else old[1])
        name = "note" if old and new[1] != old[1] else "inn"
        if old and name == "note":
            _check_note(row, places["note"], old[1], note)
        await sellers.put_seller(session, member, inn, allowed=allowed, note=new[1])
    except DomainError as refusal:
        header = headers[places[name]] if name in places else ""
        report.problems.append(row_problem(row.line, header, refusal, cells[name].text if name in cells else ""))
        report.refused += 1
        return
    seen.add(inn)
    report.created += old is None
    report.unchanged += old == new
    report.updated += old not in (None, new)


def _check_note(row: TableRow, place: int, before: str, note: str) -> None:
    """Refuse a note that seems to be damaged rather than changed."""
    if changes.is_damaged(before, note):
        raise ValueChangedInvalid(value=before)
    if place >= len(row.cells) or (row.is_open and place == len(row.cells) - 1 and changes.is_cut(before, note)):
        raise RowTooShort


def _parse_allowed(cell: str) -> bool:
    word = cell.casefold()
    if not word or word not in YES | NO:
        raise FlagInvalid
    return word in YES


def _parse_note(cell: str) -> str:
    line = " ".join(cell.split())
    if len(line) > NOTE_LENGTH:
        raise CellTooLong(most=NOTE_LENGTH)
    if not line.isprintable():
        raise CellUnreadable
    return line
