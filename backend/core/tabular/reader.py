"""Read the rows of an uploaded table: CSV in the encodings and with the separators of real life, or XLSX.

Works through the file block by block, so it is to be used in a thread; the route limits the file's size.
"""

import contextlib
from collections.abc import Generator, Iterable, Iterator
from typing import IO, NamedTuple

from backend.core.http.errors import Invalid
from backend.core.tabular.cells import Cell, Source, TableRow
from backend.core.tabular.csv_rows import CsvRows, KnownHeaders, LineBroken, unguarded
from backend.core.tabular.encodings import NotText
from backend.core.tabular.workbook.limits import Limits, SheetUnreadable
from backend.core.tabular.workbook_process import WorkbookProcess

__all__ = ["FileUnreadable", "Limits", "LineBroken", "Table"]

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class FileUnreadable(Invalid):
    """This is no CSV or XLSX that we can read, has a password, or its first visible sheet is empty. Save it anew."""

    code = "file_unreadable"


class Table(NamedTuple):
    """What the file is, and its rows that are not empty, the headers first; cells without blanks around them."""

    source: Source
    rows: Iterator[TableRow]


@contextlib.contextmanager
def opened(file: IO[bytes], limits: Limits, known: KnownHeaders) -> Generator[Table]:
    """A file to be read; `known` counts the headers that the import knows, which identify encoding and separator.

    Raises:
        FileUnreadable, LineBroken, WorkbookBusy: here or while the rows are read.
    """
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start == OLD_EXCEL:
        raise FileUnreadable
    with _translate_refusals():
        if start == ZIP:
            with WorkbookProcess(file, limits) as process:
                yield Table(process.opened(), _non_empty_rows(process.rows(), is_workbook=True))
        else:
            with contextlib.closing(CsvRows(file, known)) as rows:
                yield Table(rows.source, _non_empty_rows(rows.rows(), is_workbook=False))


@contextlib.contextmanager
def _translate_refusals() -> Generator[None]:
    try:
        yield
    except (SheetUnreadable, NotText, UnicodeDecodeError) as error:
        raise FileUnreadable from error


def _non_empty_rows(rows: Iterable[TableRow], *, is_workbook: bool) -> Iterator[TableRow]:
    with _translate_refusals():
        for row in rows:
            cells = [_strip_cell(cell, is_workbook=is_workbook) for cell in row.cells]
            if any(cell.text or cell.kind in ("formula", "error", "broken") for cell in cells):
                yield TableRow(row.line, cells, row.is_open)


def _strip_cell(cell: Cell, *, is_workbook: bool) -> Cell:
    text = cell.text.strip()
    if is_workbook and cell.kind == "text":
        text = unguarded(text)  # a CSV of ours, saved as a workbook
    return cell if text == cell.text else Cell(text, cell.kind, cell.shown)
