"""The process that opens workbooks: `python -m backend.core.tabular.child`, a workbook on stdin, its rows on stdout.

A workbook may attack the libraries that open it, so this process is confined (scanning.child_process) and has limited
processor time. It reads one file and ends.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from backend.core.tabular.cells import TableRow
from backend.core.tabular.messages import FRAME_CHARACTERS, Answer, End, Opened, Refused, Rows
from backend.core.tabular.workbook.book import Workbook
from backend.core.tabular.workbook.limits import Limits, SheetUnreadable
from scanning.child_process import confine, framed, open_pipes, read_frame

if sys.platform != "win32":
    import resource


def main() -> None:
    """Read one workbook."""
    source, sink = open_pipes()
    limits = msgspec.msgpack.decode(read_frame(source) or b"", type=Limits)
    _warm_up()
    confine(limits.memory_bytes)
    _limit_time(limits.cpu_seconds)
    try:
        _write_answer(sink, source.read(), limits)
    except SheetUnreadable as error:
        _send_message(sink, Refused(str(error)))
    except (MemoryError, RecursionError):
        _send_message(sink, Refused("it takes too much memory"))


def _write_answer(sink: BinaryIO, content: bytes, limits: Limits) -> None:
    book = Workbook(io.BytesIO(content), limits)
    _send_message(sink, Opened(book.source))
    # What a file repeats by reference may be larger than what it holds.
    budget = 4 * limits.unpacked_bytes
    for rows in _split_frames(book.rows()):
        budget -= _send_message(sink, Rows(rows))
        if budget < 0:
            raise SheetUnreadable("its texts are repeated too often")
    _send_message(sink, End())


def _split_frames(batches: Iterable[list[TableRow]]) -> Iterator[list[TableRow]]:
    """Rows in frames of a bounded size."""
    frame: list[TableRow] = []
    size = 0
    for rows in batches:
        for row in rows:
            frame.append(row)
            size += sum(len(cell.text) + 8 for cell in row.cells)
            if size > FRAME_CHARACTERS:
                yield frame
                frame, size = [], 0
    if frame:
        yield frame


def _send_message(sink: BinaryIO, message: Answer) -> int:
    body = msgspec.msgpack.encode(message)
    sink.write(framed(body))
    sink.flush()
    return len(body)


def _warm_up() -> None:
    """Load what Python loads at first use, while files can still be opened: the encoding of names in an archive."""
    "".encode("cp437")
    "".encode("utf-16-le")


def _limit_time(cpu_seconds: float) -> None:
    if sys.platform != "win32":
        seconds = int(cpu_seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


if __name__ == "__main__":
    main()
