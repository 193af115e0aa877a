"""The messages between the web process and the process that opens a workbook.

The web process sends Limits in a frame, then the file to its end. The other answers Opened, then Rows until End, or
Refused at any time, each in a frame (scanning.child_process).
"""

import msgspec

from backend.core.tabular.cells import Source, TableRow

FRAME_CHARACTERS = 2**17
MAX_FRAME_BYTES = 2**24  # a row holds 2**20 characters at most; the web process refuses a longer frame


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The file is a workbook, and its rows follow."""

    source: Source


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Some more rows."""

    rows: list[TableRow]


class End(msgspec.Struct, frozen=True, tag=True):
    """There are no more rows."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file cannot be read, or goes beyond a limit."""

    reason: str


Answer = Opened | Rows | End | Refused
