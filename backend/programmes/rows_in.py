"""Reads the rows of a table that somebody uploads: CSV in the encodings and with the separators of real life, or XLSX.

Works through the file block by block; the file's size is bounded by whoever took it.
"""

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterator
from typing import IO, NamedTuple

from backend.errors import Invalid
from backend.programmes import workbook_in
from backend.programmes.workbook_parts import SheetUnreadable

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SEPARATORS = "\t;,"
BLOCK, LINE_LENGTH = 65536, 1_000_000
# What a spreadsheet would take for a formula, and the sign that our exports put before it.
FORMULA, GUARD = "=+-@\t\r\n＝＋－＠", "'"


class FileUnreadable(Invalid):
    """This is neither a CSV nor an XLSX that we can read. Save it anew as one of them."""


class LineBroken(Invalid):
    """Line {line} of the file is broken. Look at its quotation marks, or save it anew as XLSX."""


class TableRow(NamedTuple):
    """A row with the line or row number where people find it."""

    line: int
    cells: list[str]


def rows(file: IO[bytes], *, most_bytes: int, most_texts: int) -> Generator[TableRow]:
    """The rows of a file that are not empty, the headers first; cells without blanks around them.

    Raises:
        FileUnreadable, LineBroken: see there.
    """
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start == OLD_EXCEL:
        raise FileUnreadable
    try:
        found = (
            workbook_in.rows(file, most_bytes=most_bytes, most_texts=most_texts) if start == ZIP else _csv_rows(file)
        )
        for line, cells in found:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield TableRow(line, stripped)
    except (SheetUnreadable, UnicodeDecodeError) as error:
        raise FileUnreadable from error


def _csv_rows(file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    text = io.TextIOWrapper(file, encoding=_encoding(file), newline="")
    try:
        separator = _separator(text.readline(BLOCK))
        text.seek(0)
        reader = csv.reader(_lines(text), delimiter=separator, strict=True)
        line = 1
        for cells in reader:
            yield line, [_unguarded(cell) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise LineBroken(line=reader.line_num) from error
    finally:
        text.detach()


def _lines(text: IO[str]) -> Iterator[str]:
    """Lines, none of which may be so long that its cells would fill the memory."""
    number = 0
    while line := text.readline(LINE_LENGTH):
        number += 1
        if len(line) == LINE_LENGTH:
            raise LineBroken(line=number)
        yield line


def _encoding(file: IO[bytes]) -> str:
    """By the mark at the beginning; else UTF-8 if it is that throughout; else what Russian Windows writes."""
    start = file.read(4)
    file.seek(0)
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1251"
    finally:
        file.seek(0)
    return "utf-8"


def _separator(headers: str) -> str:
    """The sign that separates most headers; those inside quotes do not count."""
    bare = re.sub(r'"[^"]*"', "", headers)
    return max(SEPARATORS, key=bare.count)


def _unguarded(cell: str) -> str:
    """Take the sign away that our exports put before what looks like a formula."""
    return cell[1:] if cell[:1] == GUARD and cell[1:2] and cell[1] in FORMULA + GUARD else cell
