"""Texts in boxes: as large as they fit, on as few lines as they need."""

import re
from typing import NamedTuple

from backend import typeface
from backend.promocodes.cards.boxes import Box
from backend.promocodes.cards.shapes import Line

LEADING = 1.18  # line height for a type size of 1
CAP = 0.72  # how high capitals of the typeface stand
SHRINK = 0.96
ELLIPSIS = "…"
_BLANKS = re.compile(r"[ \t\r\n]+")  # others keep what stands beside them together: 1 000 ₽
ONE_WORD = 8  # symbols


class Style(NamedTuple):
    """How a text is set. `largest` and `smallest` are type sizes in the card's unit."""

    font: str
    fill: str
    largest: float
    smallest: float
    most_lines: int = 1
    centred: bool = False


def set_in(box: Box, text: str, style: Style, *, middle: bool = False) -> list[Line]:
    """A text at the top of a box, or in its middle; what does not fit at the smallest size ends in an ellipsis."""
    text = printable(text)
    if not text:
        return []
    size, rows = _fitted(text, style, box)
    return _stacked(box, rows, size, style, middle=middle)


def set_whole(box: Box, text: str, style: Style, most_rows: int) -> list[Line]:
    """A code in the middle of a box as large as it goes, never cut: on several lines where they make it larger, but a
    short word in one, so that nobody reads it as two."""
    ways = [_even(text, rows) for rows in range(1, (1 if len(text) <= ONE_WORD else most_rows) + 1)]
    sizes = [_whole_size(rows, style, box) for rows in ways]
    size = max(sizes)
    return _stacked(box, ways[sizes.index(size)], size, style, middle=True)


def _stacked(box: Box, rows: list[str], size: float, style: Style, *, middle: bool) -> list[Line]:
    step = size * LEADING
    spare = box.height - (len(rows) - 1) * step - size * CAP
    baseline = box.y + size * CAP + (spare / 2 if middle else 0)
    x = box.x + box.width / 2 if style.centred else box.x
    return [
        Line(row, style.font, size, x, baseline + number * step, typeface.width(row, style.font, size), style.centred,
             style.fill)
        for number, row in enumerate(rows)
    ]  # fmt: skip


def _even(text: str, rows: int) -> list[str]:
    """A code on so many lines of about one length, broken behind hyphens where it has any."""
    parts = re.findall(r"[^-]+-?", text) if "-" in text else list(text)
    each = -(-len(parts) // rows)
    return ["".join(parts[start : start + each]) for start in range(0, len(parts), each)]


def _whole_size(rows: list[str], style: Style, box: Box) -> float:
    widest = max(typeface.width(row, style.font, 1) for row in rows)
    return min(style.largest, box.width / widest, box.height / ((len(rows) - 1) * LEADING + CAP))


def printable(text: str) -> str:
    """A text on one line in signs that the typeface has."""
    return _BLANKS.sub(" ", typeface.printable(text)).strip()


def _fitted(text: str, style: Style, box: Box) -> tuple[float, list[str]]:
    """The largest size at which the text fits, and its lines."""
    size = style.largest
    while True:
        most = max(1, min(style.most_lines, int((box.height / size - CAP) / LEADING) + 1))
        rows = _wrapped(text, style.font, size, box.width)
        if len(rows) <= most and all(_fits(row, style.font, size, box.width) for row in rows):
            return size, rows
        if size <= style.smallest:
            kept = [*rows[: most - 1], " ".join(rows[most - 1 :])]
            return size, [_cut(row, style.font, size, box.width) for row in kept]
        size = max(style.smallest, size * SHRINK)


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    rows: list[str] = []
    for word in text.split(" "):
        if rows and _fits(f"{rows[-1]} {word}", font, size, width):
            rows[-1] = f"{rows[-1]} {word}"
        else:
            rows.append(word)
    return rows


def _fits(text: str, font: str, size: float, width: float) -> bool:
    return typeface.width(text, font, size) <= width


def _cut(text: str, font: str, size: float, width: float) -> str:
    if _fits(text, font, size, width):
        return text
    while text and not _fits(text + ELLIPSIS, font, size, width):
        text = text[:-1].rstrip()
    return text + ELLIPSIS
