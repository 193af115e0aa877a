"""The rows of a sheet (18.3): the number of each, and its cells in their columns with what they are."""

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import NamedTuple

from backend.core.tabular.cells import Cell, Kind, TableRow
from backend.core.tabular.workbook import dates, formats
from backend.core.tabular.workbook.formats import GENERAL, NumberFormat
from backend.core.tabular.workbook.limits import CELLS_OF_ROW, COLUMNS, MERGED_RANGES, ROW_CHARACTERS, SheetUnreadable
from backend.core.tabular.workbook.shared_strings import Pieces, unescaped

EMPTY = Cell("", "text")
MERGED = Cell("", "merged")
ERROR = Cell("", "error")
EXACT = 10**15  # beyond 15 digits a spreadsheet has lost the rest
_NINE_PLACES = Decimal(1).scaleb(-9)  # 45.099999999999994 is 45.1
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")


class Book(NamedTuple):
    """What a sheet's cells refer to."""

    texts: list[str]
    formats: Sequence[NumberFormat]
    is_1904: bool
    # The file is to be recalculated when it is opened: a formula's 0 comes from the program that wrote it.
    is_uncomputed: bool


class Range(NamedTuple):
    """Cells that were merged to one: first and last row and column, counted from 1."""

    top: int
    left: int
    bottom: int
    right: int


class Sheet:
    """Handles the events of a sheet's part; `rows` are those that are complete."""

    def __init__(self, book: Book, merged: Sequence[Range]) -> None:
        self.book = book
        self.waiting = sorted(merged, reverse=True)  # the next one is the last
        self.covering: list[Range] = []
        self.rows: list[TableRow] = []
        self.number = self.count = self.length = self.column = self.style = 0
        self.cells: list[Cell] = []
        self.type = "n"
        self.has_formula = self.reading = False
        self.pieces = Pieces()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            before, self.number = self.number, int(attributes.get("r", self.number + 1))
            if self.number < before:
                raise SheetUnreadable("its rows are out of order")
            self.cells, self.column, self.count, self.length = [], 0, 0, 0
        elif name == "f":
            self.has_formula = True
        elif name == "rPh":
            self.reading = True
        self.pieces.begin(is_wanted=name == "v" or (name == "t" and not self.reading))

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self.column = _column_number(attributes["r"]) if "r" in attributes else self.column + 1
        self.type = attributes.get("t", "n")
        self.style = int(attributes.get("s", 0))
        self.has_formula = False
        self.pieces.take()
        self.count += 1
        if self.count > CELLS_OF_ROW:
            raise SheetUnreadable("a row has too many cells")

    def data(self, text: str) -> None:
        self.pieces.add(text)

    def end(self, name: str) -> None:
        self.pieces.open = False
        if name == "c":
            has_value = self.pieces.seen
            cell = self._read_cell(self.pieces.take(), has_value=has_value)
            if cell.text or cell.kind != "text":
                self._put_cell(self.column, cell)
        elif name == "row":
            self._cover_merged()
            if self.cells:
                self.rows.append(TableRow(self.number, self.cells))
            self.cells = []
        elif name == "rPh":
            self.reading = False

    def _put_cell(self, column: int, cell: Cell) -> None:
        # A cell too far right goes into the column after the last, where the check of columns finds it.
        column = min(column, COLUMNS + 1)
        self.length += len(cell.text)
        if self.length > ROW_CHARACTERS:
            raise SheetUnreadable("a row is too long")
        self.cells += [EMPTY] * (column - len(self.cells))
        self.cells[column - 1] = cell

    def _read_cell(self, text: str, *, has_value: bool) -> Cell:
        if self.has_formula and self._is_uncomputed(text, has_value=has_value):
            return Cell("", "formula")
        if not text:
            return EMPTY
        if self.type == "s":
            return Cell(self._shared_string(text), "text")
        if self.type in ("str", "inlineStr"):
            return Cell(unescaped(text), "text")
        if self.type == "n":
            return self._number_cell(text)
        return _typed_cell(self.type, text)

    def _is_uncomputed(self, text: str, *, has_value: bool) -> bool:
        if self.type == "str":
            return not has_value  # an empty text is a result like any other
        return not text or (self.book.is_uncomputed and text == "0")

    def _shared_string(self, text: str) -> str:
        number = int(text)
        if number < 0:
            raise IndexError(number)
        return self.book.texts[number]

    def _number_cell(self, text: str) -> Cell:
        style = self.book.formats[self.style] if 0 <= self.style < len(self.book.formats) else GENERAL
        return number_cell(text.strip(), style, is_1904=self.book.is_1904)

    def _cover_merged(self) -> None:
        """Cells under a merged one are empty in the file, but a user sees the merged value in them."""
        while self.waiting and self.waiting[-1].top <= self.number:
            self.covering.append(self.waiting.pop())
        self.covering = [one for one in self.covering if one.bottom >= self.number]
        if not self.cells:
            return
        for one in self.covering:
            for column in range(one.left, min(one.right, COLUMNS) + 1):
                is_corner = (self.number, column) == (one.top, one.left)
                if not is_corner and (column > len(self.cells) or self.cells[column - 1] == EMPTY):
                    self._put_cell(column, MERGED)


def number_cell(text: str, style: NumberFormat, *, is_1904: bool) -> Cell:
    """A number as people write it: 4.6E12 is 4600000000000, and 45.099999999999994 is 45.1; or a date."""
    try:
        size = float(text)
    except ValueError:
        return ERROR
    if not math.isfinite(size) or len(text) > 64:
        return ERROR
    if style.shape == "date":
        day = dates.read(size, is_1904=is_1904)
        return ERROR if day is None else Cell(day, "date")
    if style.shape == "unit":
        return Cell(text, "unit")
    if abs(size) >= EXACT:
        return Cell(text, "number", None)
    value = Decimal(text)
    plain = text if text.isascii() and text.isdigit() and text[:1] != "0" else _plain_number(value)
    return Cell(plain, "number", formats.shown(Decimal(plain), plain, style))


def _plain_number(value: Decimal) -> str:
    plain = f"{value.quantize(_NINE_PLACES, rounding=ROUND_HALF_EVEN):f}"
    plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("", "-0", "-") else plain


def _typed_cell(kind: str, text: str) -> Cell:
    """A cell of a rarer type: an error, yes or no, a date that is written out."""
    if kind == "b":
        return Cell(text, "flag")
    if kind == "d":
        day = dates.read_iso(text)
        return ERROR if day is None else Cell(day, "date")
    if kind == "e":
        found: Kind = "error"
        return Cell(text[:100], found)
    raise ValueError(kind)


class Merges:
    """The merged ranges of a sheet, which follow its rows."""

    def __init__(self) -> None:
        self.found: list[Range] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name != "mergeCell":
            return
        first, _, last = attributes.get("ref", "").partition(":")
        (top, left), (bottom, right) = _cell_place(first), _cell_place(last or first)
        self.found.append(Range(top, left, bottom, right))
        if len(self.found) > MERGED_RANGES:
            raise SheetUnreadable("too many of its cells are merged")

    def data(self, text: str) -> None:
        """Texts have no meaning here."""

    def end(self, name: str) -> None:
        """Neither do ends."""


def _cell_place(reference: str) -> tuple[int, int]:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError(reference)
    return int(found[2]), _column_of(found[1].upper())


def _column_number(reference: str) -> int:
    """The number of a column: A1 is in the first, AB7 in the twenty-eighth."""
    return _column_of(reference.rstrip("0123456789").upper())


@lru_cache(128)
def _column_of(letters: str) -> int:
    number = 0
    for letter in letters[:3]:
        if not "A" <= letter <= "Z":
            raise ValueError(letters)
        number = number * 26 + ord(letter) - ord("A") + 1
    if number < 1 or len(letters) > 3:
        raise ValueError(letters)
    return number
