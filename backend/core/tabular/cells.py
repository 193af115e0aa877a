"""A cell of a table as it was read, before a column interprets it."""

from typing import Literal

import msgspec

# loose: of a CSV, where a number and a text are the same; text, number, date, flag: by the type in a workbook.
# unit: a number shown as a percentage or in another currency. error: of the spreadsheet; formula: without its value;
# merged: covered by another cell; broken: damaged bytes.
Kind = Literal["loose", "text", "number", "date", "flag", "unit", "error", "formula", "merged", "broken"]


class Cell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`text` is the value; `shown` is a number in its format, None where that is unknown."""

    text: str = ""
    kind: Kind = "loose"
    shown: str | None = ""


class TableRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row with the line or row number where people find it. `is_open`: the file ends in it, without a line end."""

    line: int
    cells: list[Cell]
    is_open: bool = False


class Source(msgspec.Struct, frozen=True):
    """What a file was found to be. Sheets that were not read are named."""

    format: Literal["csv", "xlsx"]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    other_sheets: list[str] = []


EMPTY = Cell()
