"""Reads each workbook in a process of its own, so that a hostile one harms only that process.

For use in threads: writing and reading block. At most two workbooks are open at once.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from typing import IO, Self

import msgspec
import structlog

from backend.core.http.errors import Busy
from backend.core.tabular.cells import Source, TableRow
from backend.core.tabular.messages import MAX_FRAME_BYTES, Answer, End, Opened, Refused, Rows
from backend.core.tabular.workbook.limits import Limits, SheetUnreadable
from scanning.child_process import LENGTH_BYTES, environment, framed

MAX_OPEN = 2  # each may use a gibibyte
WAIT_SECONDS = 5.0  # for one of them to end
FRAME_SECONDS = 60.0  # for the next rows; the limit of processor time ends the process before that
BLOCK = 65_536

_slots = threading.BoundedSemaphore(MAX_OPEN)
log = structlog.get_logger("scanback")


class WorkbookBusy(Busy):
    """Too many workbooks are being read. Please try again in a moment."""

    code = "workbook_busy"


class WorkbookProcess:
    """One workbook in its process; a context."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self.file = file
        self.limits = limits

    def __enter__(self) -> Self:
        """Start the process.

        Raises:
            WorkbookBusy: too many are open.
        """
        if not _slots.acquire(timeout=WAIT_SECONDS):
            raise WorkbookBusy(retry_after=5)
        try:
            self.process = _start_process()
        except BaseException:
            _slots.release()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End the process, wherever the reading stopped."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()
        _slots.release()

    def opened(self) -> Source:
        """Send the file to the process and return what it is.

        Raises:
            SheetUnreadable: it is not a workbook, or is over a limit.
        """
        with self._apply_deadline():
            self._send_file()
        answer = self._read_answer()
        if not isinstance(answer, Opened):
            raise SheetUnreadable("the process sent an unknown answer")
        return answer.source

    def rows(self) -> Iterator[TableRow]:
        """The rows, as they come.

        Raises:
            SheetUnreadable: the file is over a limit, or damaged.
        """
        while isinstance(answer := self._read_answer(), Rows):
            yield from answer.rows
        if not isinstance(answer, End):
            raise SheetUnreadable("the process sent an unknown answer")

    def _send_file(self) -> None:
        pipe = self.process.stdin
        if pipe is None:
            raise SheetUnreadable("the process has no pipe")
        # That a process has ended is noticed when its answer is read.
        with contextlib.suppress(BrokenPipeError):
            pipe.write(framed(msgspec.msgpack.encode(self.limits)))
            self.file.seek(0)
            while block := self.file.read(BLOCK):
                pipe.write(block)
            pipe.close()

    def _read_answer(self) -> Answer:
        with self._apply_deadline():
            length = int.from_bytes(self._read_exactly(LENGTH_BYTES))
            if length > MAX_FRAME_BYTES:
                raise SheetUnreadable("the process sent an unknown answer")
            body = self._read_exactly(length)
        answer: Answer = msgspec.msgpack.decode(body, type=Answer)
        if isinstance(answer, Refused):
            raise SheetUnreadable(answer.reason)
        return answer

    def _read_exactly(self, count: int) -> bytes:
        found = self.process.stdout.read(count) if self.process.stdout else b""
        if len(found) < count:
            log.info("workbook_process_ended", status=self.process.poll())
            raise SheetUnreadable("the file crashed the reader, or took too long")
        return found

    @contextlib.contextmanager
    def _apply_deadline(self) -> Generator[None]:
        timer = threading.Timer(FRAME_SECONDS, self.process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _start_process() -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C in the terminal is for the parent, and the child ends with its pipes.
    command = [sys.executable, "-P", "-m", "backend.core.tabular.child"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), start_new_session=True)
