"""Understands a product file row by row: which column is what, what each cell means, and which rows must be refused."""

import itertools
from typing import IO, Any, NamedTuple

from backend.errors import Invalid, Refusal
from backend.programmes import columns, rows_in
from backend.programmes.columns import Column
from backend.programmes.rows_in import FileUnreadable, TableRow
from backend.programmes.schemas import RowProblem

BLOCK, COLUMNS = 500, 64


class SkuRepeated(Invalid):
    """This SKU stands in an earlier row of the file; that one was taken."""


class RowTooLong(Invalid):
    """This row has more cells than the file has columns, so nobody knows what belongs where."""


class Limits(NamedTuple):
    """What a file may ask of us."""

    bytes: int
    rows: int
    unpacked_bytes: int


class Parsed(NamedTuple):
    """A row of the file as it was understood."""

    line: int
    sku: str
    values: dict[str, Any]
    problems: list[RowProblem]


class Reader:
    """The rows of a file in blocks. Reads and computes, so it is to be used in a thread."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        texts = limits.rows * len(columns.COLUMNS)
        self.rows = rows_in.rows(file, most_bytes=limits.unpacked_bytes, most_texts=texts)
        self.headers: list[str] = []
        self.columns: list[Column | None] = []
        self.seen: set[str] = set()

    def open(self) -> None:
        """Read the headers.

        Raises:
            FileUnreadable, ColumnMissing, ColumnsRepeated: as they say.
        """
        first = next(self.rows, None)
        if first is None or len(first.cells) > COLUMNS:
            raise FileUnreadable
        self.headers = first.cells
        self.columns = columns.of_headers(first.cells)

    def close(self) -> None:
        """Let go of the file, wherever the reading stopped."""
        self.rows.close()

    def ignored(self) -> list[str]:
        """Headers of columns that we do not know."""
        return [name[:100] for name, column in zip(self.headers, self.columns, strict=True) if name and not column]

    def header(self, field: str) -> str:
        """What the file calls a field; our name where it has no such column."""
        both = zip(self.headers, self.columns, strict=True)
        return next((name for name, column in both if column and column.field == field), field)

    def block(self) -> list[Parsed]:
        """The next rows; none at the end.

        Raises:
            FileUnreadable, LineBroken: the file goes on otherwise than it began.
        """
        return [self._parsed(row) for row in itertools.islice(self.rows, BLOCK)]

    def _parsed(self, row: TableRow) -> Parsed:
        values, problems = self._read(row)
        sku = values.pop("sku", "")
        if sku in self.seen:
            problems.append(problem(row.line, self.header("sku"), SkuRepeated()))
        if any(row.cells[len(self.columns) :]):
            problems.append(problem(row.line, "", RowTooLong()))
        if not problems:
            self.seen.add(sku)
        return Parsed(row.line, sku, values, problems)

    def _read(self, row: TableRow) -> tuple[dict[str, Any], list[RowProblem]]:
        values, problems = {}, []
        for header, column, cell in itertools.zip_longest(self.headers, self.columns, row.cells[: len(self.columns)]):
            if column is None:
                continue
            try:
                values[column.field] = column.read(cell or "")
            except Refusal as refusal:
                problems.append(problem(row.line, header, refusal))
        return values, problems


def problem(line: int, header: str, refusal: Refusal) -> RowProblem:
    """Why a row is refused, in the caller's language."""
    return RowProblem(line, header, refusal.code(), refusal.detail())
