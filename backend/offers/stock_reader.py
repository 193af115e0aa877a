"""Reads a file of certificates' codes row by row. Codes are secrets: nothing that is told of a row repeats one."""

import itertools
import re
from collections.abc import Generator, Sequence
from datetime import date
from typing import IO, NamedTuple

from backend.errors import Invalid, Refusal
from backend.offers import prices
from backend.offers.models import Offer
from backend.programmes import rows_in
from backend.programmes.import_reader import RowTooLong, problem
from backend.programmes.rows_in import FORMULA, FileUnreadable, TableRow
from backend.programmes.schemas import RowProblem

BLOCK, COLUMNS = 1000, 64
LONGEST_CODE = 200
HEADERS = {
    "code": ("code", "код", "код сертификата", "сертификат"),
    "nominal": ("nominal", "номинал", "номинал, руб", "номинал (руб)", "номинал, ₽"),
    "valid_until": ("valid_until", "действует до", "срок действия", "годен до"),
}
FIELDS = {header: field for field, headers in HEADERS.items() for header in headers}
CODE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")
ROUBLES = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?: [0-9]{3}){1,2})(?:[.,]([0-9]{1,2}))?")
ISO_DAY, OUR_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"), re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")


class StockColumns(Invalid):
    """The first line must name the columns: code and nominal, each once, and valid_until where there is one."""


class CodeUnfit(Invalid):
    """A code is a line of 1 to 200 characters that does not begin like a formula."""


class NominalUnfit(Invalid):
    """A nominal is in roubles, like 1000 or 1000.50, and one that the offer has."""


class DayUnfit(Invalid):
    """A day is written 2027-12-31 or 31.12.2027."""


class CodeExpired(Invalid):
    """This code's last day is today or has passed."""


class CodeRepeated(Invalid):
    """This code stands in an earlier row of the file."""


class StockRow(NamedTuple):
    """A row as it was understood; with problems, it is refused."""

    line: int
    code: str
    nominal: int
    valid_until: date | None
    problems: list[RowProblem]


class StockReader:
    """The rows of a file in blocks. Reads and computes, so it is to be used in a thread."""

    def __init__(self, file: IO[bytes], offer: Offer, today: date, *, most_bytes: int, most_rows: int) -> None:
        self.rows: Generator[TableRow] = rows_in.rows(file, most_bytes=most_bytes, most_texts=most_rows * len(HEADERS))
        self.offer = offer
        self.today = today
        self.headers: list[str] = []
        self.places: dict[str, int] = {}

    def open(self) -> None:
        """Read the headers.

        Raises:
            FileUnreadable, StockColumns: as they say.
        """
        first = next(self.rows, None)
        if first is None or len(first.cells) > COLUMNS:
            raise FileUnreadable
        self.headers = first.cells
        fields = [FIELDS.get(" ".join(cell.replace("\ufeff", "").casefold().split())) for cell in first.cells]
        self.places = {field: place for place, field in enumerate(fields) if field}
        if not {"code", "nominal"} <= self.places.keys() or len(self.places) < sum(map(bool, fields)):
            raise StockColumns

    def close(self) -> None:
        """Let go of the file, wherever the reading stopped."""
        self.rows.close()

    def refused(self, line: int, field: str, refusal: Refusal) -> RowProblem:
        """Why a row is refused, with the file's own word for the column."""
        header = self.headers[self.places[field]] if field in self.places else ""
        return problem(line, header, refusal)

    def block(self) -> list[StockRow]:
        """The next rows; none at the end.

        Raises:
            FileUnreadable, LineBroken: the file goes on otherwise than it began.
        """
        return [self._read(row) for row in itertools.islice(self.rows, BLOCK)]

    def _read(self, row: TableRow) -> StockRow:
        problems: list[RowProblem] = []
        found: dict[str, str | int | date | None] = {"code": "", "nominal": 0, "valid_until": None}
        if any(row.cells[len(self.headers) :]):
            problems.append(self.refused(row.line, "", RowTooLong()))
        for field, place in self.places.items():
            try:
                found[field] = self._cell(field, row.cells[place] if place < len(row.cells) else "")
            except Refusal as refusal:
                problems.append(self.refused(row.line, field, refusal))
        return StockRow(row.line, found["code"], found["nominal"], found["valid_until"], problems)  # type: ignore[arg-type]

    def _cell(self, field: str, cell: str) -> str | int | date | None:
        if field == "code":
            return read_code(cell)
        return self._nominal(cell) if field == "nominal" else self._day(cell)

    def _nominal(self, cell: str) -> int:
        found = ROUBLES.fullmatch(re.sub(r"\s", " ", cell))
        nominal = int(found[1].replace(" ", "")) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
        if not prices.is_offered(self.offer, nominal):
            raise NominalUnfit
        return nominal

    def _day(self, cell: str) -> date | None:
        if not cell:
            return None
        day = read_day(cell)
        if day <= self.today:
            raise CodeExpired
        return day


def read_code(cell: str) -> str:
    """A code as it is sold. One that a spreadsheet would run as a formula is no code (OWASP, CSV injection).

    Raises:
        CodeUnfit: it cannot be one.
    """
    if not CODE.fullmatch(cell) or len(cell) > LONGEST_CODE or cell[0] in FORMULA:
        raise CodeUnfit
    return cell


def read_day(cell: str) -> date:
    """A day as machines or people here write it.

    Raises:
        DayUnfit: neither, or there is no such day.
    """
    iso, ours = ISO_DAY.fullmatch(cell), OUR_DAY.fullmatch(cell)
    parts: Sequence[str] = iso.groups() if iso else ours.groups()[::-1] if ours else ()
    try:
        return date(*map(int, parts))
    except (TypeError, ValueError) as error:
        raise DayUnfit from error
