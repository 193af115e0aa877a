"""One process that opens pictures, and the messages with it. The process runs `scanning.pictures.child`."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from typing import Self

import msgspec
import psutil

from scanning.child_process import LENGTH_BYTES, environment
from scanning.pictures.messages import LONGEST_ANSWER, Answer, Hello, Request, Setup

START_SECONDS = 30.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # of the libraries for images


class PictureProcess:
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
        # A session of its own: Ctrl-C in the terminal is for the parent, which ends the child itself.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "scanning.pictures.child",
            stdin=PIPE,
            stdout=PIPE,
            env=environment() | ONE_THREAD,
            start_new_session=True,
        )
        child = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await child._send_body(msgspec.msgpack.encode(setup))
                child.engines = msgspec.msgpack.decode(await child._receive_answer(), type=Hello).engines
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def cpu_seconds(self) -> float | None:
        """The processor time that it has used so far; None if it has ended."""
        try:
            used = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return None
        return float(used.user + used.system)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def exchange(self, request: Request) -> Answer:
        """Send a request and read the response. Raises EOFError, OSError or MsgspecError if the process has failed."""
        self.pictures += 1
        await self._send_body(msgspec.msgpack.encode(request))
        answer: Answer = msgspec.msgpack.decode(await self._receive_answer(), type=Answer)
        return answer

    async def stop(self) -> None:
        """Kill the process and wait for its end; it has no state to save."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._to.close()
        await self._process.wait()

    async def _send_body(self, body: bytes) -> None:
        self._to.write(len(body).to_bytes(LENGTH_BYTES))
        self._to.write(body)
        await self._to.drain()

    async def _receive_answer(self) -> bytes:
        length = int.from_bytes(await self._from.readexactly(LENGTH_BYTES))
        if length > LONGEST_ANSWER:
            raise EOFError("the process answers nonsense")
        return await self._from.readexactly(length)
