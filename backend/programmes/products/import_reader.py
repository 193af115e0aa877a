"""Parses a product file row by row: columns, cells, and the rows that must be refused."""

import contextlib
import itertools
from typing import IO, Any, NamedTuple

from backend.core.http.errors import DomainError, Invalid
from backend.core.tabular import lost_zeros, reader
from backend.core.tabular.cells import EMPTY, Cell, Source, TableRow
from backend.core.tabular.headers import letters
from backend.core.tabular.reader import FileUnreadable
from backend.programmes.products import columns
from backend.programmes.products.columns import Column
from backend.programmes.schemas import ImportRowProblem

BLOCK_ROWS, MAX_COLUMNS = 500, 64
VALUE_LENGTH = 100  # of a refused cell in a report


class SkuRepeated(Invalid):
    """An earlier row of the file has this SKU; that row was imported."""

    code = "sku_repeated"


class HeaderRepeated(Invalid):
    """This row repeats the names of the columns."""

    code = "header_repeated"


class RowTooLong(Invalid):
    """This row has more cells than the file has columns, so its values cannot be matched to columns."""

    code = "row_too_long"


class RowTooShort(Invalid):
    """This row ends before this column, so it is unclear whether its value should become empty."""

    code = "row_too_short"


class ImportLimits(NamedTuple):
    """Upper bounds of a file."""

    bytes: int
    rows: int
    unpacked_bytes: int


class ParsedRow(NamedTuple):
    """A parsed row. `absent`: fields of columns that the row lacks at its end; `last`: the field in which the file ends
    without a line end, and `last_text` the text of that cell."""

    line: int
    sku: str
    values: dict[str, Any]
    problems: list[ImportRowProblem]
    absent: list[str]
    has_lost_zeros: bool = False
    keeps_zeros: bool = False  # other rows of the block have leading zeros
    last: str = ""
    last_text: str = ""
    has_roubles: bool = False  # its price is in roubles


class ProductFileReader:
    """Reads the rows of a file in blocks. It blocks, so call it in a thread."""

    def __init__(self, file: IO[bytes], limits: ImportLimits) -> None:
        self.file = file
        self.limits = reader.Limits(limits.unpacked_bytes, limits.rows * len(columns.COLUMNS))
        self.stack = contextlib.ExitStack()
        self.source = Source("csv")
        self.headers: list[str] = []
        self.columns: list[Column | None] = []
        self.has_roubles = False
        self.seen: set[str] = set()
        self.nameless: set[int] = set()  # positions of columns that have values and no header

    def open(self) -> None:
        """Read the headers.

        Raises:
            FileUnreadable, ColumnMissing, ColumnsRepeated.
        """
        table = self.stack.enter_context(reader.opened(self.file, self.limits, columns.count_known_headers))
        self.source, self.rows = table.source, table.rows
        first = next(self.rows, None)
        if first is None or len(first.cells) > MAX_COLUMNS:
            raise FileUnreadable
        self.headers = [cell.text for cell in first.cells]
        self.columns = columns.columns_of_headers(self.headers)
        self.has_roubles = any(column and column.en == "price_rub" for column in self.columns)

    def close(self) -> None:
        """Close the file."""
        self.stack.close()

    def mapping(self) -> dict[str, str]:
        """The field of each known header."""
        return {name: column.field for name, column in zip(self.headers, self.columns, strict=True) if column}

    def ignored(self) -> list[str]:
        """Unknown headers, and the letters of columns that have values and no header."""
        named = [name[:100] for name, column in zip(self.headers, self.columns, strict=True) if name and not column]
        return named + [f"[{letters(position)}]" for position in sorted(self.nameless)]

    def header(self, field: str) -> str:
        """The file's header of a field; our name if it has no such column."""
        pairs = zip(self.headers, self.columns, strict=True)
        return next((name for name, column in pairs if column and column.field == field), field)

    def block(self) -> list[ParsedRow]:
        """The next rows; empty at the end.

        Raises:
            FileUnreadable, LineBroken: a later part of the file is invalid.
        """
        rows = list(itertools.islice(self.rows, BLOCK_ROWS))
        sku_at = next((at for at, column in enumerate(self.columns) if column and column.field == "sku"), 0)
        codes = [row.cells[sku_at] if sku_at < len(row.cells) else EMPTY for row in rows]
        lost, keeps = lost_zeros.found(codes), lost_zeros.has_leading_zeros(codes)
        parsed = [self._parse_row(row) for row in rows]
        return [row._replace(has_lost_zeros=at in lost, keeps_zeros=keeps) for at, row in enumerate(parsed)]

    def _parse_row(self, row: TableRow) -> ParsedRow:
        values, problems = self._read_cells(row)
        sku = values.pop("sku", "")
        if sku and sku in self.seen:
            problems.append(row_problem(row.line, self.header("sku"), SkuRepeated(), sku))
        if any(cell.text for cell in row.cells[len(self.columns) :]):
            problems.append(row_problem(row.line, "", RowTooLong()))
        if self._repeats_headers(row):
            problems = [row_problem(row.line, "", HeaderRepeated())]
        cells = zip(row.cells, self.headers, strict=False)
        self.nameless |= {at for at, (cell, header) in enumerate(cells) if cell.text and not header}
        if not problems:
            self.seen.add(sku)
        parsed = ParsedRow(row.line, sku, values, problems, self._absent_fields(row))
        last_text = row.cells[-1].text if row.cells else ""
        return parsed._replace(last=self._last_field(row), last_text=last_text, has_roubles=self.has_roubles)

    def _repeats_headers(self, row: TableRow) -> bool:
        return [cell.text for cell in row.cells if cell.text] == [header for header in self.headers if header]

    def _absent_fields(self, row: TableRow) -> list[str]:
        """The fields that a CSV row lacks at its end. A workbook leaves empty cells out, so its rows lack none."""
        if self.source.format == "xlsx":
            return []
        return [column.field for column in self.columns[len(row.cells) :] if column]

    def _last_field(self, row: TableRow) -> str:
        column = self.columns[min(len(row.cells), len(self.columns)) - 1] if row.is_open else None
        return column.field if column else ""

    def _read_cells(self, row: TableRow) -> tuple[dict[str, Any], list[ImportRowProblem]]:
        values, problems = {}, []
        for header, column, read in itertools.zip_longest(self.headers, self.columns, row.cells[: len(self.columns)]):
            cell: Cell = read or EMPTY
            if column is None:
                continue
            try:
                values[column.field] = column.value(cell)
            except DomainError as refusal:
                problems.append(row_problem(row.line, header, refusal, cell.text))
        return values, problems


def row_problem(line: int, header: str, refusal: DomainError, value: str = "") -> ImportRowProblem:
    """Why a row is refused, in the caller's language."""
    return ImportRowProblem(line, header, refusal.code, refusal.detail(), value[:VALUE_LENGTH])
