"""The layout of a label: millimetres from its upper left corner, y downwards."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from backend.core.tabular.output import typeface
from backend.earning.packages.print_runs.labels.label_design import LabelDesign, LabelRefused
from backend.earning.packages.print_runs.labels.qr_code import QUIET
from scanning.codes.symbols import ALPHABET

MARGIN = 1.5
LEADING = 1.25  # line height for a type size of 1
CODE_SMALLEST, CODE_LARGEST = 1.9, 3.5  # 5.4 and 9.9 points: people type it from a box, by a phone's light
NAME_SIZE, SKU_SIZE = 2.6, 2.2
NARROWEST_COLUMN = 15.0
TOLERANCE = 1e-6
ELLIPSIS = "…"


class TextLine(NamedTuple):
    """A line of type; x is its left end, or its middle where it is centred."""

    text: str
    font: str
    size: float
    x: float
    baseline: float
    centred: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one label. `x` and `y` are the corner of the first dark module, `lines` the text of all labels.

    `code` has the lines of the typed code with empty texts: `typed` fills them in.
    """

    x: float
    y: float
    module: float
    lines: tuple[TextLine, ...]
    code: tuple[TextLine, ...]

    def typed(self, grouped: str) -> list[TextLine]:
        """The lines of a typed code, one or two; the first of two ends in a hyphen."""
        if len(self.code) == 1:
            return [self.code[0]._replace(text=grouped)]
        half = (len(grouped) + 1) // 2
        upper, lower = self.code
        return [upper._replace(text=grouped[:half]), lower._replace(text=grouped[half:])]


@dataclass(frozen=True, slots=True)
class _Column:
    left: float
    width: float
    centred: bool = False

    @property
    def anchor(self) -> float:
        return self.left + self.width / 2 if self.centred else self.left


@lru_cache(maxsize=256)
def plan_layout(design: LabelDesign, side: int, dots_per_mm: float = 0.0) -> Layout:
    """Lay out a label whose symbol has `side` modules; raises `LabelRefused` where it does not fit.

    With `dots_per_mm` the module is rounded up to whole dots, as printers and pictures need it. On a wide
    label the name and SKU are to the right of the QR code, on a narrow one above it; the code is under it.
    """
    module = round_up_to_dots(design.module_mm, dots_per_mm)
    block, quiet = (side + 2 * QUIET) * module, QUIET * module
    width = design.width_mm - 2 * MARGIN
    beside = width - block >= NARROWEST_COLUMN
    under = _Column(MARGIN + quiet, width - quiet) if beside else _Column(MARGIN, width, centred=True)
    rows, size = _code_type(under.width)
    spare = design.height_mm - 2 * MARGIN - block - rows * size * LEADING
    if block > width or spare < -TOLERANCE:
        needed = f"{block + 2 * MARGIN:.1f} x {design.height_mm - spare:.1f}"
        raise LabelRefused(f"The QR code and the typed code need at least {needed} mm.")

    if beside:
        top = MARGIN + spare / 2
        column = _Column(MARGIN + block, width - block)
        lines = _static_lines(design, column, top=top + quiet, height=block - 2 * quiet)
        x = MARGIN + quiet
    else:
        lines = _static_lines(design, under, top=MARGIN, height=spare)
        used = sum(line.size * LEADING for line in lines)
        top = MARGIN + used + (spare - used) / 2
        x = (design.width_mm - block) / 2 + quiet
    code = tuple(
        TextLine("", typeface.BOLD, size, under.anchor, top + block + (row * LEADING + 1) * size, under.centred)
        for row in range(rows)
    )
    return Layout(x, top + quiet, module, lines, code)


def round_up_to_dots(module_mm: float, dots_per_mm: float) -> float:
    """A module rounded up to whole dots, in millimetres; unchanged if there are no dots."""
    if not dots_per_mm:
        return module_mm
    # The tiny allowance keeps 0.5 mm at 8 dots/mm from becoming 5 dots by a rounding error.
    return math.ceil(module_mm * dots_per_mm - TOLERANCE) / dots_per_mm


def _code_type(width: float) -> tuple[int, float]:
    """Rows and type size of the typed code, for the widest possible code."""
    widest = max(typeface.width(symbol, typeface.BOLD, 1) for symbol in ALPHABET)
    hyphen = typeface.width("-", typeface.BOLD, 1)
    for rows, wanted in ((1, 16 * widest + 3 * hyphen), (2, 8 * widest + 2 * hyphen)):
        size = min(CODE_LARGEST, width / wanted)
        if size >= CODE_SMALLEST:
            return rows, size
    raise LabelRefused("The label is too narrow for a typed code that can be read.")


def _static_lines(design: LabelDesign, column: _Column, *, top: float, height: float) -> tuple[TextLine, ...]:
    """The name on as many lines as fit, then the SKU."""
    sku_height = SKU_SIZE * LEADING if design.sku else 0.0
    name_rows = int((height - sku_height + TOLERANCE) // (NAME_SIZE * LEADING))
    if height + TOLERANCE < sku_height or (design.name and name_rows < 1):
        raise LabelRefused("The name or the SKU does not fit on the label: leave them out or make it larger.")

    texts = [(text, typeface.REGULAR, NAME_SIZE) for text in _wrap_text(design.name, column.width, name_rows)]
    if design.sku:
        texts.append((_truncate_text(design.sku, typeface.BOLD, SKU_SIZE, column.width), typeface.BOLD, SKU_SIZE))
    lines = []
    for text, font, size in texts:
        lines.append(TextLine(text, font, size, column.anchor, top + size, column.centred))
        top += size * LEADING
    return tuple(lines)


def _wrap_text(text: str, width: float, max_lines: int) -> list[str]:
    """Words on at most so many lines; an ellipsis replaces what does not fit."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < max_lines - 1:
        count = 1
        while count < len(words) and _fits_width(" ".join(words[: count + 1]), width):
            count += 1
        lines.append(_truncate_text(" ".join(words[:count]), typeface.REGULAR, NAME_SIZE, width))
        words = words[count:]
    if words:
        lines.append(_truncate_text(" ".join(words), typeface.REGULAR, NAME_SIZE, width))
    return lines


def _fits_width(text: str, width: float) -> bool:
    return typeface.width(text, typeface.REGULAR, NAME_SIZE) <= width


def _truncate_text(text: str, font: str, size: float, width: float) -> str:
    if typeface.width(text, font, size) <= width:
        return text
    while text and typeface.width(text + ELLIPSIS, font, size) > width:
        text = text[:-1].rstrip()
    return text + ELLIPSIS
