"""Pictures are read in processes of their own: a hostile one costs itself, never the service.

The header is read here, with no codec (`scanning.header`); all else happens in `scanning.child`, under limits of
memory and time. A process that hangs, falls or grows old is replaced while the others go on.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import structlog

from backend.errors import Busy
from scanning import header
from scanning.decode import Symbol
from scanning.header import Limits
from scanning.messages import (
    LENGTH_BYTES,
    LONGEST_ANSWER,
    Answer,
    Found,
    Hello,
    Photo,
    Read,
    Refused,
    Request,
    Setup,
    Shrink,
)
from scanning.problem import PictureUnreadable

START_SECONDS = 30.0
WAIT_SECONDS = 10.0  # for a free process
LAST_ATTEMPT = 0.75  # of a picture's time: after that the child begins no further attempt and answers
PICTURES_PER_CHILD = 1000
MEMORY_BYTES = 2**30

# A picture's process inherits these and no other setting: no database address, no key.
_KEPT_SETTINGS = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "SYSTEMROOT")
_LOST = (EOFError, OSError, TimeoutError, msgspec.MsgspecError)

T = TypeVar("T")

log = structlog.get_logger("scanback")


class DecoderBusy(Busy):
    """Too many pictures are being read. Please try again in a moment."""


class Decoder:
    """Reads pictures in a few long-lived processes; an asynchronous context."""

    def __init__(
        self,
        *,
        workers: int = 2,
        queue: int = 16,
        seconds: float = 2.0,
        memory_bytes: int = MEMORY_BYTES,
        pictures_per_child: int = PICTURES_PER_CHILD,
        limits: Limits = Limits(),  # noqa: B008 - a tuple of numbers
    ) -> None:
        """So many processes, and so many pictures that may wait; the seconds are a picture's, all attempts."""
        self.engines: list[str] = []
        self.limits = limits
        self._workers = workers
        self._room = workers + queue
        self._seconds = seconds
        self._setup = Setup(limits, memory_bytes, seconds * LAST_ATTEMPT)
        self._pictures_per_child = pictures_per_child
        self._idle: asyncio.Queue[_Child] = asyncio.Queue()
        self._children: set[_Child] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Start all processes. Raises what the first failing one did."""
        try:
            await asyncio.gather(*(self._add() for _ in range(self._workers)))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all processes; what is being read is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self._children))
        self._children.clear()

    async def read(self, data: bytes) -> list[Symbol]:
        """All codes of a picture.

        Raises PictureTooLarge, PictureUnsupported or PictureUnreadable for the picture's own faults, time and
        memory included, and DecoderBusy if too many wait already.
        """
        header.inspect(data, self.limits)
        return (await self._answered(Read(data), Found)).symbols

    async def clean(self, data: bytes) -> bytes:
        """A picture, or the pages of a PDF, fit to be kept: a JPEG as `scanning.photo.clean` makes it.

        Raises the same as `read`.
        """
        header.inspect(data, self.limits)
        return (await self._answered(Shrink(data), Photo)).jpeg

    async def _answered(self, request: Request, kind: type[T]) -> T:
        if self._room <= 0:
            raise DecoderBusy(retry_after=1)
        self._room -= 1
        # A caller who leaves must not leave a half-read answer in the pipe for the next one.
        return await asyncio.shield(self._run(self._done(request, kind)))

    async def _done(self, request: Request, kind: type[T]) -> T:
        try:
            child = await self._free_child()
            answer = await self._ask(child, request)
        finally:
            self._room += 1
        if isinstance(answer, Refused):
            raise answer.problem()
        if not isinstance(answer, kind):
            raise TypeError(f"the process answers {type(answer).__name__} to {type(request).__name__}")
        return answer

    async def _free_child(self) -> "_Child":
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    child = await self._idle.get()
                    if child.lives:
                        return child
                    self._replace(child, "it was killed")
        except TimeoutError as error:
            raise DecoderBusy(retry_after=1) from error

    async def _ask(self, child: "_Child", request: Request) -> Answer:
        """One picture by one child, which is free again or replaced afterwards, come what may."""
        lost: BaseException | None = None
        try:
            async with asyncio.timeout(self._seconds):
                return await child.ask(request)
        except _LOST as error:
            lost = error
            reason = "took too long" if isinstance(error, TimeoutError) else "broke the reader"
            raise PictureUnreadable(f"the picture {reason}") from error
        except asyncio.CancelledError as error:
            lost = error
            raise
        finally:
            if lost is not None:
                self._replace(child, type(lost).__name__)
            elif child.pictures >= self._pictures_per_child:
                self._replace(child, "it is old")
            else:
                self._idle.put_nowait(child)

    def _replace(self, child: "_Child", reason: str) -> None:
        log.info("picture_process_replaced", pid=child.pid, reason=reason, pictures=child.pictures)
        self._run(self._exchange(child))

    async def _exchange(self, child: "_Child") -> None:
        await child.stop()
        self._children.discard(child)
        pause = 0.1
        while True:
            try:
                return await self._add()
            except _LOST as error:
                log.warning("picture_process_not_started", error=repr(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

    async def _add(self) -> None:
        child = await _Child.start(self._setup)
        self._children.add(child)
        self.engines = child.engines
        self._idle.put_nowait(child)

    def _run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if the caller has left


class _Child:
    """One process that reads pictures, one at a time."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise TypeError("the process has no pipes")
        self._process = process
        self._to, self._from = process.stdin, process.stdout
        self.engines: list[str] = []
        self.pictures = 0
        self.pid = process.pid

    @classmethod
    async def start(cls, setup: Setup) -> Self:
        """Start a process and wait until it is ready. Raises EOFError, OSError or TimeoutError."""
        # A session of its own: Ctrl-C in the terminal is for us, and we end the child in our own time.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "scanning.child",
            stdin=PIPE, stdout=PIPE, env=_environment(), start_new_session=True,
        )  # fmt: skip
        child = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await child._send(msgspec.msgpack.encode(setup))
                child.engines = msgspec.msgpack.decode(await child._receive(), type=Hello).engines
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: Request) -> Answer:
        """What the process makes of a picture. Raises EOFError, OSError or MsgspecError if it has gone wrong."""
        self.pictures += 1
        await self._send(msgspec.msgpack.encode(request))
        answer: Answer = msgspec.msgpack.decode(await self._receive(), type=Answer)
        return answer

    async def stop(self) -> None:
        """Kill the process and wait for its end; it holds nothing worth a farewell."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._to.close()
        await self._process.wait()

    async def _send(self, body: bytes) -> None:
        self._to.write(len(body).to_bytes(LENGTH_BYTES))
        self._to.write(body)
        await self._to.drain()

    async def _receive(self) -> bytes:
        length = int.from_bytes(await self._from.readexactly(LENGTH_BYTES))
        if length > LONGEST_ANSWER:
            raise EOFError("the process answers nonsense")
        return await self._from.readexactly(length)


def _environment() -> dict[str, str]:
    """What a child needs to import what we have imported, and to be content with one thread."""
    kept = {name: os.environ[name] for name in _KEPT_SETTINGS if name in os.environ}
    path = os.pathsep.join(place for place in sys.path if place)
    return kept | {
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
