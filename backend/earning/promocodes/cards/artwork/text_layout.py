"""Texts in boxes, in the largest size that fits, on the fewest lines."""

import re
from typing import NamedTuple

from backend.core.tabular.output import typeface
from backend.earning.promocodes.cards.artwork.boxes import Box
from backend.earning.promocodes.cards.artwork.shapes import TextLine

LEADING = 1.18  # line height for a type size of 1
CAP = 0.72  # height of capitals for a type size of 1
SHRINK = 0.96
ELLIPSIS = "…"
_BLANKS = re.compile(r"[ \t\r\n]+")  # other spaces do not break: 1 000 ₽
ONE_WORD = 8  # symbols


class TextStyle(NamedTuple):
    """The style of a text. `largest` and `smallest` are type sizes in the card's unit."""

    font: str
    fill: str
    largest: float
    smallest: float
    most_lines: int = 1
    centred: bool = False


def fit_text(box: Box, text: str, style: TextStyle, *, middle: bool = False) -> list[TextLine]:
    """Lines of a text at the top of a box or in its middle, truncated if the smallest size does not fit."""
    text = printable_text(text)
    if not text:
        return []
    size, rows = _fit_size(text, style, box)
    return _stack_lines(box, rows, size, style, middle=middle)


def fit_code(box: Box, text: str, style: TextStyle, most_rows: int) -> list[TextLine]:
    """Lines of a code in the middle of a box in the largest size, never truncated. Several lines are used if that makes
    it larger, but a short word stays on one line, so that it is not read as two."""
    layouts = [_split_evenly(text, rows) for rows in range(1, (1 if len(text) <= ONE_WORD else most_rows) + 1)]
    sizes = [_whole_size(rows, style, box) for rows in layouts]
    size = max(sizes)
    return _stack_lines(box, layouts[sizes.index(size)], size, style, middle=True)


def _stack_lines(box: Box, rows: list[str], size: float, style: TextStyle, *, middle: bool) -> list[TextLine]:
    step = size * LEADING
    spare = box.height - (len(rows) - 1) * step - size * CAP
    baseline = box.y + size * CAP + (spare / 2 if middle else 0)
    x = box.x + box.width / 2 if style.centred else box.x
    return [
        TextLine(
            text=row,
            font=style.font,
            size=size,
            x=x,
            baseline=baseline + number * step,
            width=typeface.width(row, style.font, size),
            centred=style.centred,
            fill=style.fill,
        )
        for number, row in enumerate(rows)
    ]


def _split_evenly(text: str, rows: int) -> list[str]:
    """A code on `rows` lines of similar length, broken after hyphens if it has any."""
    parts = re.findall(r"[^-]+-?", text) if "-" in text else list(text)
    each = -(-len(parts) // rows)
    return ["".join(parts[start : start + each]) for start in range(0, len(parts), each)]


def _whole_size(rows: list[str], style: TextStyle, box: Box) -> float:
    widest = max(typeface.width(row, style.font, 1) for row in rows)
    return min(style.largest, box.width / widest, box.height / ((len(rows) - 1) * LEADING + CAP))


def printable_text(text: str) -> str:
    """A text on one line, in characters that the typeface has."""
    return _BLANKS.sub(" ", typeface.printable(text)).strip()


def _fit_size(text: str, style: TextStyle, box: Box) -> tuple[float, list[str]]:
    """The largest size at which the text fits, and its lines."""
    size = style.largest
    while True:
        most = max(1, min(style.most_lines, int((box.height / size - CAP) / LEADING) + 1))
        rows = _wrap_lines(text, style.font, size, box.width)
        if len(rows) <= most and all(_fits_width(row, style.font, size, box.width) for row in rows):
            return size, rows
        if size <= style.smallest:
            cut = [*rows[: most - 1], " ".join(rows[most - 1 :])]
            return size, [_truncate_text(row, style.font, size, box.width) for row in cut]
        size = max(style.smallest, size * SHRINK)


def _wrap_lines(text: str, font: str, size: float, width: float) -> list[str]:
    rows: list[str] = []
    for word in text.split(" "):
        if rows and _fits_width(f"{rows[-1]} {word}", font, size, width):
            rows[-1] = f"{rows[-1]} {word}"
        else:
            rows.append(word)
    return rows


def _fits_width(text: str, font: str, size: float, width: float) -> bool:
    return typeface.width(text, font, size) <= width


def _truncate_text(text: str, font: str, size: float, width: float) -> str:
    if _fits_width(text, font, size, width):
        return text
    while text and not _fits_width(text + ELLIPSIS, font, size, width):
        text = text[:-1].rstrip()
    return text + ELLIPSIS
