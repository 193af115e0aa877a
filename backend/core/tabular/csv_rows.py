"""Reads a CSV row by row, block by block: any line ends, breaks inside quotes, Excel's `sep=` line, four separators."""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from backend.core.http.errors import Invalid
from backend.core.tabular import damage, encodings
from backend.core.tabular.cells import Cell, Source, TableRow
from backend.core.tabular.line_reader import LineReader

SEPARATORS = ";\t,|"
LINE_LENGTH, MOST_CELLS = 1_000_000, 16_384  # of a row: a spreadsheet has no more columns
FIRST_LINES = 100  # in which the row of headers ends
# What a spreadsheet would read as a formula, and the guard that our exports put before it.
FORMULA, GUARD = "=+-@\t\r\n＝＋－＠", "'"
BREAK = re.compile(r"\r\n|\r|\n")
AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
SEP_LINE = re.compile(r'"?sep=(?P<sign>[^\r\n]|\\t)"?[\r\n]*', re.IGNORECASE)

KnownHeaders = Callable[[Sequence[str]], int]


class LineBroken(Invalid):
    """Line {line} of the file is broken. Look at its quotation marks, or save it anew as XLSX."""

    code = "line_broken"


class CsvRows:
    """A CSV: what it is, and its rows. `known` counts the headers that an import knows."""

    def __init__(self, file: IO[bytes], known: KnownHeaders) -> None:
        encoding = encodings.detect(file, lambda line: is_header(line, known))
        self.text = LineReader(file, encoding)
        self.lines = text_lines(self.text)
        first = list(itertools.islice(self.lines, FIRST_LINES))
        declared = SEP_LINE.fullmatch(first[0]) if first else None
        self.skipped = 1 if declared else 0
        self.first = first[self.skipped :]
        delimiter = declared["sign"].replace("\\t", "\t") if declared else _detect_separator(self.first, known)
        self.encoding = encoding.removesuffix("-sig")
        self.source = Source("csv", encoding=self.encoding, delimiter=delimiter)
        self.is_open = False

    def rows(self) -> Iterator[TableRow]:
        """The rows with their cells.

        Raises:
            LineBroken: quotation marks or a line's length leave no doubt that it is damaged.
            UnicodeDecodeError: UTF-16 that is none.
        """
        lines = itertools.chain(self.first, self.lines)
        reader = csv.reader(map(self._note_line_end, lines), delimiter=self.source.delimiter, strict=True)
        line, columns = 1, 0
        try:
            for cells in reader:
                columns = columns or (len(cells) if any(cells) else 0)
                if len(cells) > MOST_CELLS or self._has_swallowed_rows(cells, columns):
                    raise LineBroken(line=line + self.skipped)
                yield TableRow(line + self.skipped, [self._read_cell(cell) for cell in cells], self.is_open)
                line = reader.line_num + 1
        except csv.Error as error:
            raise LineBroken(line=reader.line_num + self.skipped) from error

    def close(self) -> None:
        """Let go of the file without closing it."""
        self.text.close()

    def _has_swallowed_rows(self, cells: Sequence[str], columns: int) -> bool:
        """Whether a quotation mark that is not closed made one cell of several rows: it has all their separators."""
        sign = self.source.delimiter
        breaks = sum(len(BREAK.findall(cell)) for cell in cells if "\n" in cell or "\r" in cell)
        # A comma before a break is ordinary in a text of two columns.
        if not breaks or columns < (3 if sign == "," else 2):
            return False
        separators = len(cells) - 1 + sum(cell.count(sign) for cell in cells)
        return separators == (breaks + 1) * (columns - 1)

    def _note_line_end(self, line: str) -> str:
        self.is_open = not line.endswith(("\n", "\r"))
        return line

    def _read_cell(self, text: str) -> Cell:
        if damage.is_broken(text, self.encoding):
            return Cell("", "broken")
        return Cell(unguarded(text.strip()))


def is_header(line: str, known: KnownHeaders) -> bool:
    """Whether a first line has a header that an import knows, whatever separates and quotes it."""
    return any(known([part.strip(' "') for part in line.split(sign)]) for sign in SEPARATORS)


def text_lines(text: LineReader) -> Iterator[str]:
    """Lines, none of which may be so long that its cells would fill the memory."""
    number = 0
    while line := text.readline(LINE_LENGTH):
        number += 1
        if len(line) == LINE_LENGTH:
            raise LineBroken(line=number)
        yield line


def unguarded(cell: str) -> str:
    """Remove the guards of a text: `="007"`, `'007`, and the apostrophe that our exports put before a formula."""
    if found := AS_FORMULA.fullmatch(cell):
        return found[1].replace('""', '"')
    rest = cell[1:] if cell[:1] == GUARD else ""
    is_guarded = rest[:1] and (rest[0] in FORMULA + GUARD or (len(rest) > 1 and rest.isascii() and rest.isdigit()))
    return rest if is_guarded else cell


def _detect_separator(lines: Sequence[str], known: KnownHeaders) -> str:
    """The separator with the maximum of known headers in the first row; then with the maximum of columns."""
    found = {sign: _first_row(lines, sign) for sign in SEPARATORS}
    return max(SEPARATORS, key=lambda sign: (known(found[sign]), len(found[sign])))


def _first_row(lines: Iterable[str], separator: str) -> list[str]:
    try:
        return next((row for row in csv.reader(iter(lines), delimiter=separator, strict=True) if any(row)), [])
    except csv.Error:
        return []
