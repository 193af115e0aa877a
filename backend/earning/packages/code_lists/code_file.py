"""Reads the file of a code list: one code a line, as it is scanned, or a table with a named column of codes."""

import contextlib
import csv
import itertools
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

from backend.core.http.errors import DomainError, Invalid
from backend.core.tabular import damage, encodings, reader, values
from backend.core.tabular.cells import Cell, Source, TableRow
from backend.core.tabular.csv_rows import SEP_LINE, SEPARATORS, is_header, unguarded
from backend.core.tabular.headers import folded
from backend.core.tabular.line_reader import LineReader
from backend.core.tabular.reader import ZIP, FileUnreadable, Limits, LineBroken
from backend.earning.packages.code_lists.code_list import CodeCheck, CodeRow, Reason, is_guessable
from scanning.codes import symbols

LONGEST_LINE, LONGEST_HEADER = 4_000, 100  # characters
LIMITS = Limits(unpacked_bytes=128 * 2**20, texts=2_000_000)
DOCUMENTS = (b"{\\rt", b"%pdf", b"<htm", b"<!do", b"<?xm")  # RTF, PDF, HTML and XML begin so
HEADERS = frozenset(
    {
        "code",
        "codes",
        "код",
        "коды",
        "kod",
        "kody",
        "package code",
        "package codes",
        "код упаковки",
        "коды упаковок",
        "marking code",
        "marking codes",
        "код маркировки",
        "коды маркировки",
        "маркировка",
        "km",
        "км",
        "кm",
        "ки",
        "киз",
        "cis",
        "cises",
        "sgtin",
        "datamatrix",
        "data matrix",
        "dm",
        "qr",
        "qr code",
        "qr-code",
        "qr-код",
        "qr код",
        "serial",
        "serial number",
        "серийный номер",
        "уникальный код",
        "промокод",
        "кодмаркировки",
        "код товара маркированный",
        "идентификатор",
        "марка",
        "марки",
        "код марки",
        "unique code",
    }
)
# A word of a header: codes are not printed in capitalised or Russian words.
_WORD = re.compile(r"[^\W\d_]{3,}")
_TITLE_WORD = re.compile(r"[^\W\d_][^\W\d_A-ZА-ЯЁ]{2,}[:.,]?")

IsAmbiguous = Callable[[str], bool]


class CodeColumnMissing(Invalid):
    """The first line has column names, but none for the code. Name that column "code", or remove the names."""

    code = "code_column_missing"


class CodeColumn(NamedTuple):
    """The place of the code's column, and the number of columns."""

    place: int
    columns: int


def count_code_headers(headers: Sequence[str]) -> int:
    """The number of headers that name a column of codes; it identifies the encoding and separator of a file."""
    return sum(folded(header) in HEADERS for header in headers)


class CodeFile:
    """The file of a code list. Each code is checked; a bare line that may be two columns is refused."""

    def __init__(self, file: BinaryIO, judge: CodeCheck, is_ambiguous: IsAmbiguous) -> None:
        self.file = file
        self.judge = judge
        self.is_ambiguous = is_ambiguous
        # The format of the file; set when the first row is read.
        self.source: Source | None = None
        self.columns: dict[str, str] = {}
        self.ignored_columns: list[str] = []

    def rows(self) -> Generator[CodeRow]:
        """The rows of the file, checked. Empty lines are skipped. To be used in a thread.

        Raises:
            FileUnreadable, LineBroken, CodeColumnMissing, WorkbookBusy.
        """
        self.file.seek(0)
        start = self.file.read(len(ZIP))
        self.file.seek(0)
        if start.lower() in DOCUMENTS:
            raise FileUnreadable
        if start == ZIP:
            yield from self._workbook_rows()
            return
        try:
            yield from self._text_rows()
        except (encodings.NotText, UnicodeDecodeError) as error:
            raise FileUnreadable from error

    def _workbook_rows(self) -> Iterator[CodeRow]:
        with reader.opened(self.file, LIMITS, count_code_headers) as table:
            first = next(table.rows, None)
            self.source = table.source
            if first is None:
                return
            second = list(itertools.islice(table.rows, 1))
            texts = [" ".join(cell.text for cell in row.cells) for row in (first, *second)]
            found = _table_of([cell.text for cell in first.cells], texts[0], texts[-1])
            if found:
                self._map_columns([cell.text for cell in first.cells], found)
            rows = itertools.chain([] if found else [first], second, table.rows)
            yield from (self._row_of_cells(row, found or CodeColumn(0, 1)) for row in rows)

    def _map_columns(self, headers: Sequence[str], table: CodeColumn) -> None:
        self.columns = {headers[table.place]: "code"}
        others = [header[:LONGEST_HEADER] for place, header in enumerate(headers) if place != table.place]
        self.ignored_columns = [header for header in others if header]

    def _row_of_cells(self, row: TableRow, table: CodeColumn) -> CodeRow:
        if any(cell.text for cell in row.cells[table.columns :]):
            return CodeRow(row.line, "", "second_column")
        cell = row.cells[table.place] if table.place < len(row.cells) else Cell()
        return self._checked_row(row.line, cell)

    def _checked_row(self, line: int, cell: Cell) -> CodeRow:
        try:
            code = values.code(cell)
        except values.EncodingInvalid:
            return CodeRow(line, "", "unreadable")
        except DomainError as refusal:
            return CodeRow(line, "", cast(Reason, refusal.code))
        return CodeRow(line, *self.judge(code))

    def _text_rows(self) -> Iterator[CodeRow]:
        encoding = encodings.detect(self.file, lambda line: is_header(line, count_code_headers))
        with contextlib.closing(LineReader(self.file, encoding)) as text:
            lines = _Lines(text)
            yield from _refuse_cut_row(self._rows_of_lines(lines, encoding.removesuffix("-sig")), lines)

    def _rows_of_lines(self, lines: "_Lines", encoding: str) -> Iterator[CodeRow]:
        first = lines.first()
        separator_line = SEP_LINE.fullmatch(first)
        if separator_line:
            first = lines.first()
        delimiter = separator_line["sign"].replace("\\t", "\t") if separator_line else _detect_delimiter(first)
        headers = _split_cells(first, delimiter)
        found = _table_of(headers, first.strip(), lines.peek().strip())
        self.source = Source("csv", encoding, delimiter if len(headers) > 1 else "")
        if found:
            self._map_columns([header.strip() for header in headers], found)
        yield from (CodeRow(number, "", "too_long") for number in lines.take_too_long())
        if found is not None and found.columns > 1:
            yield from self._csv_rows(lines, delimiter, found, encoding)
            return
        if found is None:
            yield from self._row_of_line(lines.number, first, encoding)
        for line in lines:
            yield from self._row_of_line(lines.number, line, encoding)

    def _csv_rows(self, lines: "_Lines", delimiter: str, table: CodeColumn, encoding: str) -> Iterator[CodeRow]:
        before, line = lines.number, lines.number + 1
        rows = csv.reader((line or "" for line in lines), delimiter=delimiter, strict=True)
        try:
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    yield self._row_of_cells(TableRow(line, [_read_cell(cell, encoding) for cell in cells]), table)
                line = before + rows.line_num + 1
                yield from (CodeRow(number, "", "too_long") for number in lines.take_too_long())
        except csv.Error as error:
            raise LineBroken(line=before + rows.line_num) from error

    def _row_of_line(self, number: int, line: str | None, encoding: str) -> Iterator[CodeRow]:
        """The row of a whole line: commas and semicolons are ordinary characters of a marking code."""
        if line is None:
            yield CodeRow(number, "", "too_long")
            return
        text = line.strip()
        if not text:
            return
        is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
        code = text[1:-1].replace('""', '"') if is_quoted else text
        if not is_quoted and self.is_ambiguous(code):
            yield CodeRow(number, "", "second_column")
            return
        yield self._checked_row(number, _read_cell(code, encoding))


class _Lines(Iterator[str | None]):
    """The lines of a text with their numbers; None for a line that is too long for a code."""

    def __init__(self, text: LineReader) -> None:
        self.text = text
        self.number = 0
        self.is_open = False  # the last line has no line end
        self.too_long: list[int] = []
        self.read = ""

    def __next__(self) -> str | None:
        line = self.read or self.text.readline(LONGEST_LINE)
        self.read = ""
        if not line:
            raise StopIteration
        self.number += 1
        self.is_open = not line.endswith(("\n", "\r"))
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            return line
        while (rest := self.text.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
            pass
        self.too_long.append(self.number)
        return None

    def first(self) -> str:
        """The next line with content, "" where there is none; a line that is too long is skipped."""
        return next((line for line in self if line and line.strip()), "")

    def peek(self) -> str:
        """The next line, without consuming it."""
        self.read = self.text.readline(LONGEST_LINE)
        return self.read

    def take_too_long(self) -> list[int]:
        """The numbers of lines that were too long since the last call."""
        found, self.too_long = self.too_long, []
        return found


def _refuse_cut_row(rows: Iterator[CodeRow], lines: _Lines) -> Iterator[CodeRow]:
    """The rows. If all have one length, a shorter last one without a line end is refused."""
    lengths: set[int] = set()
    for row in rows:
        if lines.is_open and len(lengths) == 1 and 0 < len(row.code) < max(lengths):
            yield CodeRow(row.line, "", "row_too_short")
            continue
        if row.code and len(lengths) < 2:
            lengths.add(len(row.code))
        yield row


def _detect_delimiter(line: str) -> str:
    return max(SEPARATORS, key=lambda sign: (count_code_headers(_split_cells(line, sign)), line.count(sign)))


def _split_cells(line: str, delimiter: str) -> list[str]:
    with contextlib.suppress(csv.Error):
        return next(csv.reader([line], delimiter=delimiter), [])
    return [line]


def _table_of(headers: Sequence[str], line: str, following: str) -> CodeColumn | None:
    """The column of the code, if these are headers; None if they are a first code.

    Raises:
        CodeColumnMissing: they are the headers of something else, or name the code twice.
    """
    places = [place for place, header in enumerate(headers) if folded(header) in HEADERS]
    if len(places) == 1:
        return CodeColumn(places[0], len(headers))
    if places or _is_words(line, following):
        raise CodeColumnMissing
    return None


def _is_words(line: str, following: str) -> bool:
    """Whether a first line is words rather than a code: it begins with a word above lines of one word, or has no digit
    and is either capitalised as no code is, or of another length than the next line, which has digits."""
    words = _WORD.findall(line)
    if _is_title(line, following):
        return True
    if not words or len(line) > LONGEST_HEADER or any(sign.isdigit() or sign in "/\x1d=%" for sign in line):
        return False
    is_written = any(word.istitle() or word.islower() for word in words) or not symbols.fold(line).isascii()
    # A guessable text is refused as a row in any case.
    is_odd = not is_guessable(line) and len(line) != len(following)
    return is_written or (is_odd and any(sign.isdigit() for sign in following))


def _is_title(line: str, following: str) -> bool:
    """Whether a line is a title like `Batch 2026-11`, above codes without blanks."""
    first, *rest = line.split()[:2] or [""]
    return bool(rest and following) and " " not in following and _TITLE_WORD.fullmatch(first) is not None


def _read_cell(text: str, encoding: str) -> Cell:
    return Cell("", "broken") if damage.is_broken(text, encoding) else Cell(unguarded(text.strip()))
