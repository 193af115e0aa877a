"""QR codes (ISO/IEC 18004) as modules, and as runs of dark modules for vector formats."""

from functools import lru_cache
from itertools import groupby
from typing import Literal

from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.main import QRCode

QUIET = 4  # modules of light on each side, ISO/IEC 18004 chapter 6.3.8
Grade = Literal["L", "M", "Q", "H"]
GRADES = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q, "H": ERROR_CORRECT_H}


class TextTooLong(ValueError):
    """No symbol of this grade holds the text."""


Modules = tuple[tuple[bool, ...], ...]


@lru_cache(maxsize=256)
def qr_modules(text: str, grade: Grade) -> Modules:
    """Rows of the smallest symbol that holds the text, True is dark, without the quiet zone.

    Raises:
        TextTooLong: not even the largest one, version 40, holds it.
    """
    code = QRCode(error_correction=GRADES[grade], border=0)
    code.add_data(text)
    try:
        code.make(fit=True)
    except ValueError as error:
        raise TextTooLong(f"{len(text)} signs") from error
    return tuple(tuple(map(bool, row)) for row in code.get_matrix())


def dark_runs(rows: Modules) -> list[tuple[int, int, int]]:
    """Runs of dark modules: (x, y, width) from the upper left corner."""
    spans = []
    for y, row in enumerate(rows):
        x = 0
        for dark, group in groupby(row):
            width = len(list(group))
            if dark:
                spans.append((x, y, width))
            x += width
    return spans


def svg_path(rows: Modules) -> str:
    """The dark modules as an SVG path of unit squares inside a quiet zone. Relative, so short: pages contain it."""
    drawn, x_now, y_now = [], 0, 0
    for x, y, width in dark_runs(rows):
        drawn.append(f"m{x + QUIET - x_now} {y + QUIET - y_now}h{width}v1h-{width}z")
        x_now, y_now = x + QUIET, y + QUIET
    return "".join(drawn)
