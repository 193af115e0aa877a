"""Whether a file was cut inside a value, as its other rows say: a transfer ended early, or only a part was copied."""

from collections.abc import Sequence

from backend.core.tabular.cells import TableRow


def cut_cell(rows: Sequence[TableRow]) -> int | None:
    """The place of the last row's last cell, if that is shorter than this cell of all rows before, which have one
    length, and the file has no line end after it."""
    if len(rows) < 2 or not rows[-1].is_open or not rows[-1].cells:
        return None
    place = len(rows[-1].cells) - 1
    lengths = {len(row.cells[place].text) if place < len(row.cells) else 0 for row in rows[:-1]}
    return place if len(lengths) == 1 and len(rows[-1].cells[place].text) < lengths.pop() else None
