"""The content and size of a label."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from backend.core.tabular.output import typeface

A4_MM = (210.0, 297.0)
SMALLEST_MODULE_MM = 0.4
# Print heads sold as 203, 300 and 600 dpi: ZPL II Programming Guide, ^JM.
DOTS_PER_MM = {203: 8, 300: 12, 600: 24}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class LabelRefused(ValueError):
    """The label cannot be printed as designed; the message names what to change."""


class Label(NamedTuple):
    """One package code to print.

    `serial_no` is the position in the batch's files, from 1; it is not the serial inside the code.
    `code` has 16 symbols without hyphens, `url` is the content of the QR code.
    """

    serial_no: int
    code: str
    url: str


@dataclass(frozen=True, slots=True)
class LabelDesign:
    """The design of all labels of a batch; raises `LabelRefused`.

    Sizes are in millimetres. `columns` and `rows` are those of an A4 sheet; 0 is as many as fit. `dpi` is that of the
    label printer (ZPL): 203, 300 or 600. Empty `name` and `sku` are not printed.
    """

    name: str = ""
    sku: str = ""
    width_mm: float = 70.0
    height_mm: float = 37.0
    module_mm: float = 0.5
    columns: int = 0
    rows: int = 0
    cut_marks: bool = True
    dpi: int = 203

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_text()

    @property
    def sheet(self) -> tuple[int, int]:
        """Columns and rows of an A4 sheet."""
        across = self.columns or int(A4_MM[0] // self.width_mm)
        down = self.rows or int(A4_MM[1] // self.height_mm)
        return across, down

    def _check_sizes(self) -> None:
        if not (10 <= self.width_mm <= A4_MM[0] and 10 <= self.height_mm <= A4_MM[1]):
            raise LabelRefused("A label is 10 to 210 mm wide and 10 to 297 mm high.")
        if not SMALLEST_MODULE_MM <= self.module_mm <= 5:
            raise LabelRefused(f"A module of the QR code is {SMALLEST_MODULE_MM} to 5 mm.")
        if self.dpi not in DOTS_PER_MM:
            raise LabelRefused("A label printer has 203, 300 or 600 dpi.")
        if self.columns < 0 or self.rows < 0:
            raise LabelRefused("A sheet has no negative number of columns or rows.")
        across, down = self.sheet
        if across * self.width_mm > A4_MM[0] or down * self.height_mm > A4_MM[1]:
            raise LabelRefused(f"{across} x {down} labels of {self.width_mm:g} x {self.height_mm:g} mm exceed A4.")

    def _check_text(self) -> None:
        if CONTROL.search(self.name + self.sku):
            raise LabelRefused("The name and the SKU are one line each, without control characters.")
        if unknown := typeface.missing(self.name + self.sku):
            raise LabelRefused(f"The label's typeface has no sign for: {' '.join(unknown)}")
