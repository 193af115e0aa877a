"""Reads pictures in separate processes, so that a hostile picture cannot harm the service.

The header is read here, with no codec (`scanning.pictures.header`); all else happens in `scanning.pictures.child`,
under limits of memory and time. A process that hangs, crashes or has read enough pictures is replaced while the others
continue. PDFs have processes of their own, so that photos from phones do not wait for them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import msgspec
import structlog

from backend.core.fair_queue import WAIT_SECONDS, FairQueue
from backend.core.http.errors import Busy
from backend.earning.scans.pictures.picture_process import PictureProcess
from scanning.pictures import header
from scanning.pictures.decode import Symbol
from scanning.pictures.header import Header, Limits
from scanning.pictures.messages import Answer, Found, Photo, Read, Refused, Request, Setup, Shrink
from scanning.problem import PictureUnreadable

__all__ = ["Decoder", "DecoderBusy", "Payer"]

LAST_ATTEMPT = 0.75  # of a picture's time: after that the child starts no further attempt and responds
PICTURES_PER_CHILD = 1000
MEMORY_BYTES = 2**30
STANDARD_PIXELS = 24_000_000  # a larger picture has more time in proportion
SCREEN_PIXELS = 9_000_000  # of the largest screenshots
# A picture that used up its time is charged this multiple of its cost: ordinary pictures rarely do.
EXHAUSTED_FACTOR = 10
PDF_NICENESS = 5  # photos from phones have priority over PDFs
_LOST = (EOFError, OSError, TimeoutError, msgspec.MsgspecError)

T = TypeVar("T")

log = structlog.get_logger("scanback")


class DecoderBusy(Busy):
    """Too many pictures are being read. Please try again in a moment."""

    code = "decoder_busy"


class Payer(NamedTuple):
    """The account and network that a picture's processor time is charged to."""

    account_id: int
    network: str


Charge = Callable[[Payer, float], Awaitable[None]]


async def _free_of_charge(payer: Payer, seconds: float) -> None:
    """The charge function of a decoder that counts nothing."""


class Decoder:
    """Reads pictures in a few long-lived processes; an asynchronous context."""

    def __init__(
        self,
        *,
        workers: int = 2,
        pdf_workers: int = 1,
        queue: int = 16,
        seconds: float = 2.0,
        pdf_seconds: float = 4.0,
        memory_bytes: int = MEMORY_BYTES,
        pictures_per_child: int = PICTURES_PER_CHILD,
        limits: Limits = Limits(),  # noqa: B008 - a tuple of numbers
        charge: Charge = _free_of_charge,
    ) -> None:
        """`workers` and `pdf_workers` are processes, `queue` is the number of pictures of each kind that may wait,
        `seconds` the time of one picture with all attempts. `charge` receives the seconds of each picture."""
        self.limits = limits
        self._seconds = seconds
        setup = Setup(limits, memory_bytes)
        self._pictures = _ProcessPool(workers, queue, setup, pictures_per_child, charge)
        self._pdfs = _ProcessPool(
            pdf_workers, queue, msgspec.structs.replace(setup, niceness=PDF_NICENESS), pictures_per_child, charge
        )
        self._pdf_seconds = pdf_seconds

    @property
    def engines(self) -> list[str]:
        """The engines that are available in the processes."""
        return self._pictures.engines

    async def __aenter__(self) -> Self:
        """Start all processes. Raises the exception of the first that fails."""
        try:
            await asyncio.gather(self._pictures.start(), self._pdfs.start())
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all processes and abandon the pictures in progress."""
        await asyncio.gather(self._pictures.close(), self._pdfs.close())

    async def read(self, data: bytes, payer: Payer | None = None) -> list[Symbol]:
        """All codes of a picture.

        Raises PictureTooLarge, PictureUnsupported or PictureUnreadable if the picture is at fault, time and memory
        included, and DecoderBusy if too many wait already.
        """
        head = header.inspect(data, self.limits)
        pool, seconds = self._pool_for(head)
        request = Read(data, seconds * LAST_ATTEMPT)
        return (await pool.send(request, seconds, payer, Found, is_costly=_is_costly(head))).symbols

    async def clean(self, data: bytes, payer: Payer | None = None) -> bytes:
        """A picture, or the pages of a PDF, as a JPEG for storage: see `scanning.pictures.photo.clean`.

        Raises the same as `read`.
        """
        head = header.inspect(data, self.limits)
        pool, seconds = self._pool_for(head)
        return (await pool.send(Shrink(data, seconds), seconds, payer, Photo, is_costly=_is_costly(head))).jpeg

    def _pool_for(self, head: Header) -> tuple["_ProcessPool", float]:
        """The processes that read a picture, and its time limit."""
        if head.format == "pdf":
            return self._pdfs, self._pdf_seconds
        return self._pictures, self._seconds * max(1.0, head.width * head.height / STANDARD_PIXELS)


def _is_costly(head: Header) -> bool:
    """Whether a picture is larger than those of phones: a few kilobytes can hold the largest one of these formats."""
    return head.format in ("png", "webp", "avif") and head.width * head.height > SCREEN_PIXELS


class _ProcessPool:
    """Processes for one kind of file, and a queue for them."""

    def __init__(self, workers: int, queue: int, setup: Setup, pictures_per_child: int, charge: Charge) -> None:
        self.engines: list[str] = []
        self._workers = workers
        self._setup = setup
        self._pictures_per_child = pictures_per_child
        self._charge = charge
        self._queue = FairQueue(places=workers, waiting=queue, busy=DecoderBusy)
        self._idle: asyncio.Queue[PictureProcess] = asyncio.Queue()
        self._children: set[PictureProcess] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        await asyncio.gather(*(self._add_child() for _ in range(self._workers)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self._children))
        self._children.clear()

    async def send(
        self, request: Read | Shrink, seconds: float, payer: Payer | None, kind: type[T], *, is_costly: bool
    ) -> T:
        """The response of a process. Shielded: a cancelled caller must not leave a half-read response in the pipe."""
        return await asyncio.shield(
            self._run_task(self._send_to_child(request, seconds, payer, kind, is_costly=is_costly))
        )

    async def _send_to_child(
        self, request: Read | Shrink, seconds: float, payer: Payer | None, kind: type[T], *, is_costly: bool
    ) -> T:
        caller = object() if payer is None else payer.account_id
        cost = _Cost()
        try:
            async with self._queue.place(caller, len(request.picture), is_costly=is_costly):
                try:
                    answer = await self._exchange_messages(await self._free_child(), request, seconds, cost)
                finally:
                    self._queue.spend(caller, cost.seconds)
        finally:
            if payer is not None and cost.seconds:
                await self._charge(payer, cost.seconds)
        if isinstance(answer, Refused):
            raise answer.problem()
        if not isinstance(answer, kind):
            raise TypeError(f"the process answers {type(answer).__name__} to {type(request).__name__}")
        return answer

    async def _free_child(self) -> PictureProcess:
        """An idle process. A place in the queue does not guarantee one: the next process may still be starting.

        Raises:
            DecoderBusy: the wait is too long.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    child = await self._idle.get()
                    if child.is_running:
                        return child
                    self._replace_child(child, "it was killed")
        except TimeoutError as error:
            raise DecoderBusy(retry_after=1) from error

    async def _exchange_messages(
        self, child: PictureProcess, request: Request, seconds: float, cost: "_Cost"
    ) -> Answer:
        """Send one picture to one child, which is idle again or replaced afterwards in every case."""
        lost: BaseException | None = None
        begun, used = time.monotonic(), child.cpu_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await child.exchange(request)
                cost.seconds = answer.cpu_seconds
                return answer
        except _LOST as error:
            lost = error
            now = child.cpu_seconds
            spent = time.monotonic() - begun if now is None or used is None else now - used
            is_late = isinstance(error, TimeoutError)
            cost.seconds = spent * (EXHAUSTED_FACTOR if is_late else 1)
            reason = "took too long" if is_late else "broke the reader"
            raise PictureUnreadable(f"the picture {reason}") from error
        except asyncio.CancelledError as error:
            lost = error
            raise
        finally:
            if lost is not None:
                self._replace_child(child, type(lost).__name__)
            elif child.pictures >= self._pictures_per_child:
                self._replace_child(child, "it is old")
            else:
                self._idle.put_nowait(child)

    def _replace_child(self, child: PictureProcess, reason: str) -> None:
        log.info("picture_process_replaced", pid=child.pid, reason=reason, pictures=child.pictures)
        self._run_task(self._start_replacement(child))

    async def _start_replacement(self, child: PictureProcess) -> None:
        await child.stop()
        self._children.discard(child)
        pause = 0.1
        while True:
            try:
                return await self._add_child()
            except _LOST as error:
                log.warning("picture_process_not_started", error=repr(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

    async def _add_child(self) -> None:
        child = await PictureProcess.start(self._setup)
        self._children.add(child)
        self.engines = child.engines
        self._idle.put_nowait(child)

    def _run_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish_task)
        return task

    def _finish_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, even if the caller was cancelled


class _Cost(msgspec.Struct):
    """The cost of a picture in seconds of processor time."""

    seconds: float = 0.0
