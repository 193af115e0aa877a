"""What a workbook may ask of us. A file beyond one of these is refused as a whole."""

import msgspec

TEXT_LENGTH = 32_767  # Excel's own limit for a cell
COLUMNS = 256  # more than any table that we accept; a row with a cell beyond has one more, so that it is refused
CELLS_OF_ROW = 16_384  # Excel's own number of columns
DEPTH = 64  # elements in one another; a sheet has 10, its extensions some more
ATTRIBUTES = 64  # of one element; a page set-up has 19
SILENT_BYTES = 2**20  # without an element or a text in them: a comment, or an attribute that never ends
MERGED_RANGES = 10_000
FORMATS = 65_536  # Excel's own limit of cell formats
SHEETS = 1000
DIRECTORY_BYTES = 262_144  # of the archive; a workbook has some twenty parts
ROW_CHARACTERS = 2**20
CPU_SECONDS = 40.0  # 200,000 rows of ten columns need twelve on a slow core
MEMORY_BYTES = 2**30


class Limits(msgspec.Struct, frozen=True):
    """What an installation allows, and what the process itself obeys."""

    unpacked_bytes: int
    texts: int
    cpu_seconds: float = CPU_SECONDS
    memory_bytes: int = MEMORY_BYTES


class SheetUnreadable(Exception):
    """The file is not the XLSX that it seems to be, or goes beyond the limits."""
