"""The QR code of a label: model 2, level M, alphanumeric (ISO/IEC 18004)."""

import re

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from backend.earning.packages.print_runs.labels.label_design import LabelRefused

QUIET = 4  # modules of white on each side, ISO/IEC 18004 chapter 6.3.8
# Signs that versions 1 to 6 hold in alphanumeric mode at level M: ISO/IEC 18004, table 7.
CAPACITIES = (20, 38, 61, 90, 122, 154)
ALPHANUMERIC = re.compile(r"[0-9A-Z $%*+\-./:]+")


def symbol_version(url: str) -> int:
    """The version for a URL of this length, so that all labels of a batch have one size; raises `LabelRefused`.

    By default an encoder may choose a smaller version for a code with many digits in a row.
    """
    if not ALPHANUMERIC.fullmatch(url):
        raise LabelRefused(f"A QR code's address is in capitals, digits and $%*+-./: only: {url}")
    for number, capacity in enumerate(CAPACITIES, start=1):
        if len(url) <= capacity:
            return number
    raise LabelRefused(f"A QR code's address has at most {CAPACITIES[-1]} signs, this one has {len(url)}.")


def symbol_side(url: str) -> int:
    """Modules on a side, without the quiet zone: 17 + 4 for each version."""
    return 17 + 4 * symbol_version(url)


def symbol_modules(url: str) -> NDArray[np.bool_]:
    """The modules of the symbol (True is dark), without the quiet zone; raises `LabelRefused`."""
    made = zxingcpp.create_barcode(url, zxingcpp.BarcodeFormat.QRCode, ec_level="M", version=symbol_version(url))
    gray: NDArray[np.uint8] = np.asarray(made.to_image(scale=1, add_quiet_zones=False), dtype=np.uint8)
    dark: NDArray[np.bool_] = gray == 0
    return dark


def symbol_runs(url: str) -> list[tuple[int, int, int]]:
    """The symbol as runs of dark modules, (x, y, width) from its upper left corner, for vector formats."""
    dark = np.pad(symbol_modules(url), ((0, 0), (1, 1))).astype(np.int8)
    edges = np.diff(dark, axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return list(zip(starts.tolist(), rows.tolist(), (ends - starts).tolist(), strict=True))
