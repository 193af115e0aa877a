"""A table on paper: what it is about, then its rows, on A4 pages across."""

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from backend.core.language import Language
from backend.core.tabular.output import typeface
from backend.core.tabular.output.table_files import Cell

POINTS = 72 / 25.4  # in a millimetre
WIDE, HIGH = landscape(A4)
MARGIN = 12 * POINTS
TITLE_SIZE, HEAD_SIZE, SIZE = 13.0, 9.0, 7.0  # points
HEAD_LINE, LINE = 5 * POINTS, 4 * POINTS
NAMES_WIDE = 50 * POINTS
GAP = 1 * POINTS


class Column(NamedTuple):
    """A column's names, and its width in millimetres."""

    ru: str
    en: str
    width: float
    is_amount: bool = False

    def title(self, language: Language) -> str:
        """What it is called in a language."""
        return self.ru if language == "ru" else self.en


class TablePdf:
    """A table file whose bytes come at the end. The first row that it is given names the columns on every page."""

    def __init__(
        self, title: str, head: Sequence[tuple[str, Cell]], columns: Sequence[Column], language: Language
    ) -> None:
        self.columns = columns
        self.point = "," if language == "ru" else "."
        self.buffer = io.BytesIO()
        # The same table is the same bytes each time.
        self.canvas = Canvas(self.buffer, pagesize=(WIDE, HIGH), pageCompression=1, invariant=1)
        self.canvas.setTitle(title)
        self.titles: Sequence[Cell] = ()
        self.page, self.y = 1, HIGH - MARGIN
        self._begin_page(title, head)

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        """Write rows, on new pages where one is full; nothing can be sent yet."""
        for row in rows:
            if not self.titles:
                self.titles = row
                self._write_row(row, typeface.BOLD)
                continue
            if self.y < MARGIN + 2 * LINE:
                self._next_page()
            self._write_row(row, typeface.REGULAR)
        return b""

    def end(self) -> bytes:
        """The file."""
        self._number_page()
        self.canvas.save()
        return self.buffer.getvalue()

    def _begin_page(self, title: str, head: Sequence[tuple[str, Cell]]) -> None:
        self._draw_text(MARGIN, title, typeface.BOLD, TITLE_SIZE, WIDE)
        self.y -= 2 * HEAD_LINE
        for name, value in head:
            self._draw_text(MARGIN, name, typeface.REGULAR, HEAD_SIZE, NAMES_WIDE)
            self._draw_text(
                MARGIN + NAMES_WIDE, self._cell_text(value), typeface.BOLD, HEAD_SIZE, WIDE - 2 * MARGIN - NAMES_WIDE
            )
            self.y -= HEAD_LINE
        self.y -= HEAD_LINE

    def _next_page(self) -> None:
        self._number_page()
        self.canvas.showPage()
        self.page, self.y = self.page + 1, HIGH - MARGIN
        self._write_row(self.titles, typeface.BOLD)

    def _number_page(self) -> None:
        self.canvas.setFont(typeface.outlines(typeface.REGULAR).fontName, SIZE)
        self.canvas.drawRightString(WIDE - MARGIN, MARGIN - LINE / 2, str(self.page))

    def _write_row(self, row: Sequence[Cell], font: str) -> None:
        x = MARGIN
        for column, cell in zip(self.columns, row, strict=True):
            width = column.width * POINTS
            self._draw_text(x, self._cell_text(cell), font, SIZE, width - GAP, from_right=column.is_amount)
            x += width
        self.y -= LINE

    def _cell_text(self, cell: Cell) -> str:
        return f"{cell:.2f}".replace(".", self.point) if isinstance(cell, Decimal) else str(cell)

    def _draw_text(
        self, x: float, words: str, font: str, size: float, width: float, *, from_right: bool = False
    ) -> None:
        """Write a text; a long one in smaller letters rather than cut, for a receipt's number must be whole."""
        words = typeface.printable(words)
        if not words:
            return
        size = min(size, size * width / typeface.width(words, font, size))
        self.canvas.setFont(typeface.outlines(font).fontName, size)
        if from_right:
            self.canvas.drawRightString(x + width, self.y, words)
        else:
            self.canvas.drawString(x, self.y, words)
