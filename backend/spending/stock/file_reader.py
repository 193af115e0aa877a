"""Reads a file of partner certificate codes. Codes are secrets: no problem report contains one."""

import contextlib
import itertools
import re
from collections.abc import Sequence
from datetime import date
from typing import IO, NamedTuple

from backend.core.http.errors import DomainError, Invalid
from backend.core.tabular import cut_rows, lost_zeros, reader, values
from backend.core.tabular.cells import EMPTY, Cell, Source, TableRow
from backend.core.tabular.csv_rows import FORMULA
from backend.core.tabular.headers import folded
from backend.core.tabular.reader import FileUnreadable, Limits
from backend.core.tabular.values import LeadingZerosInvalid, ShortenedNumberInvalid
from backend.programmes.products.import_reader import RowTooLong, RowTooShort, row_problem
from backend.programmes.schemas import ImportRowProblem
from backend.spending.models import Reward
from backend.spending.rewards import prices

BLOCK_ROWS, MAX_COLUMNS = 1000, 64
MAX_UNPACKED_FACTOR = 8  # the largest size of an unpacked workbook, relative to the largest file
MAX_CODE_LENGTH = 200
HEADERS = {
    "code": ("code", "codes", "код", "коды", "код сертификата", "сертификат", "certificate"),
    "nominal": ("nominal", "номинал", "номинал, руб", "номинал (руб)", "номинал, ₽"),
    "valid_until": (
        "valid_until",
        "valid until",
        "valid to",
        "expires",
        "expires at",
        "expiry date",
        "expiration date",
        "действует до",
        "действителен до",
        "срок действия",
        "срок",
        "годен до",
        "дата окончания",
        "использовать до",
    ),
}
FIELDS = {header: field for field, headers in HEADERS.items() for header in headers}
CODE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")
ROUBLES = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?: [0-9]{3}){1,2})(?:[.,]([0-9]{1,2}))?")
ISO_DAY, RUSSIAN_DAY = (
    re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"),
    re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})"),
)


class StockColumnsInvalid(Invalid):
    """The first line names the columns: code and nominal, each once, and optionally valid_until."""

    code = "stock_columns"


class CodeInvalid(Invalid):
    """A code has 1 to 200 characters on one line and does not begin like a formula."""

    code = "code_unfit"


class FaceValueInvalid(Invalid):
    """A face value is in roubles, like 1000 or 1000.50, and the offer must have it."""

    code = "nominal_unfit"


class DayInvalid(Invalid):
    """A day is written 2027-12-31 or 31.12.2027."""

    code = "day_unfit"


class CodeExpired(Invalid):
    """This code expires today or has expired."""

    code = "code_expired"


class CodeDuplicate(Invalid):
    """This code is in an earlier row of the file."""

    code = "code_repeated"


def known_header_count(headers: Sequence[str]) -> int:
    """The number of known headers among these; it identifies a file's encoding and separator."""
    return sum(folded(header) in FIELDS for header in headers)


class StockRow(NamedTuple):
    """A parsed row; it is rejected if it has problems."""

    line: int
    code: str
    nominal: int
    valid_until: date | None
    problems: list[ImportRowProblem]


class StockReader:
    """The rows of a file in blocks. Blocking: use it in a thread."""

    def __init__(self, file: IO[bytes], offer: Reward, today: date, *, max_bytes: int, max_rows: int) -> None:
        self.file = file
        self.limits = Limits(max_bytes * MAX_UNPACKED_FACTOR, max_rows * len(HEADERS))
        self.stack = contextlib.ExitStack()
        self.source = Source("csv")
        self.offer = offer
        self.today = today
        self.headers: list[str] = []
        self.column_indexes: dict[str, int] = {}

    def open(self) -> None:
        """Read the headers.

        Raises:
            FileUnreadable, StockColumnsInvalid.
        """
        table = self.stack.enter_context(reader.opened(self.file, self.limits, known_header_count))
        self.source, self.rows = table.source, table.rows
        first = next(self.rows, None)
        if first is None or len(first.cells) > MAX_COLUMNS:
            raise FileUnreadable
        self.headers = [cell.text for cell in first.cells]
        fields = [FIELDS.get(folded(header)) for header in self.headers]
        self.column_indexes = {field: place for place, field in enumerate(fields) if field}
        if not {"code", "nominal"} <= self.column_indexes.keys() or len(self.column_indexes) < sum(map(bool, fields)):
            raise StockColumnsInvalid

    def ignored(self) -> list[str]:
        """Unknown headers."""
        return [name[:100] for name in self.headers if name and folded(name) not in FIELDS]

    def close(self) -> None:
        """Close the file, at any position."""
        self.stack.close()

    def refused(self, line: int, field: str, refusal: DomainError) -> ImportRowProblem:
        """The problem of a rejected row, with the column name of the file."""
        header = self.headers[self.column_indexes[field]] if field in self.column_indexes else ""
        return row_problem(line, header, refusal)

    def block(self) -> list[StockRow]:
        """The next rows; none at the end.

        Raises:
            FileUnreadable, LineBroken: the rest of the file has another form.
        """
        rows = list(itertools.islice(self.rows, BLOCK_ROWS))
        cells = [_cell_at(row, self.column_indexes["code"]) for row in rows]
        damaged = lost_zeros.found(cells) | lost_zeros.out_of_form([cell.text for cell in cells])
        rounded = lost_zeros.rounded([cell.text for cell in cells])
        parsed = [
            self._read_row(
                row, LeadingZerosInvalid() if at in damaged else ShortenedNumberInvalid() if at in rounded else None
            )
            for at, row in enumerate(rows)
        ]
        if (cut := cut_rows.cut_cell(rows)) is not None:
            field = next((name for name, place in self.column_indexes.items() if place == cut), "")
            parsed[-1].problems.append(self.refused(rows[-1].line, field, RowTooShort()))
        return parsed

    def _read_row(self, row: TableRow, damage: DomainError | None) -> StockRow:
        problems = [] if damage is None else [self.refused(row.line, "code", damage)]
        fields: dict[str, str | int | date | None] = {"code": "", "nominal": 0, "valid_until": None}
        if any(cell.text for cell in row.cells[len(self.headers) :]):
            problems.append(self.refused(row.line, "", RowTooLong()))
        for field, place in self.column_indexes.items():
            try:
                if place >= len(row.cells) and self.source.format == "csv" and field == "valid_until":
                    raise RowTooShort
                fields[field] = self._read_cell(field, _cell_at(row, place))
            except DomainError as refusal:
                problems.append(self.refused(row.line, field, refusal))
        return StockRow(row.line, fields["code"], fields["nominal"], fields["valid_until"], problems)  # type: ignore[arg-type]

    def _read_cell(self, field: str, cell: Cell) -> str | int | date | None:
        if field == "code":
            return read_code(values.code(cell))
        return self._face_value(values.number(cell)) if field == "nominal" else self._read_day(values.day(cell))

    def _face_value(self, cell: str) -> int:
        match = ROUBLES.fullmatch(re.sub(r"\s", " ", cell))
        face_value = int(match[1].replace(" ", "")) * 100 + int((match[2] or "").ljust(2, "0")) if match else 0
        if not prices.has_face_value(self.offer, face_value):
            raise FaceValueInvalid
        return face_value

    def _read_day(self, cell: str) -> date | None:
        if not cell:
            return None
        day = read_day(cell)
        if day <= self.today:
            raise CodeExpired
        return day


def _cell_at(row: TableRow, place: int) -> Cell:
    return row.cells[place] if place < len(row.cells) else EMPTY


def read_code(cell: str) -> str:
    """A code as sold. Text that a spreadsheet would run as a formula is rejected (OWASP, CSV injection).

    Raises:
        CodeInvalid: it cannot be a code.
    """
    if not CODE.fullmatch(cell) or len(cell) > MAX_CODE_LENGTH or cell[0] in FORMULA:
        raise CodeInvalid
    return cell


def read_day(cell: str) -> date:
    """A day in ISO or Russian notation.

    Raises:
        DayInvalid: another notation, or there is no such day.
    """
    iso, ours = ISO_DAY.fullmatch(cell), RUSSIAN_DAY.fullmatch(cell)
    parts: Sequence[str] = iso.groups() if iso else ours.groups()[::-1] if ours else ()
    try:
        return date(*map(int, parts))
    except (TypeError, ValueError) as error:
        raise DayInvalid from error
