"""Rows that workers lease: the statement that leases a row moves its `due_at` to the end of the lease.

Until then no other worker processes the row, and only the holder writes it: the end of the lease identifies the holder.
A row whose worker died, or whose processing failed, is due again when its lease ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, TypeVar

import msgspec
import structlog

log = structlog.get_logger("scanback")

Row = TypeVar("Row")
CONCURRENCY, RUN_SECONDS = 8, 300.0


class LeasedWork(msgspec.Struct, Generic[Row], frozen=True):
    """How rows of one kind are leased and processed.

    `lease` gets the maximum number of rows, and those that this process is processing.
    """

    lease: Callable[[int, Collection[Row]], Awaitable[Sequence[Row]]]
    process: Callable[[Row], Awaitable[None]]
    error_event: str
    log_fields: Callable[[Row], dict[str, int]]
    concurrency: int = CONCURRENCY

    async def run(self) -> None:
        """Process what is due until nothing is, or for RUN_SECONDS. Includes rows that become due meanwhile, so one run
        in a process is enough."""
        deadline = time.monotonic() + RUN_SECONDS
        running: dict[asyncio.Task[None], Row] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                free = self.concurrency - len(running) if time.monotonic() < deadline else 0
                for row in await self.lease(free, running.values()) if free else ():
                    running[group.create_task(self._process_or_log(row))] = row
                if not running:
                    return
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                running = {task: row for task, row in running.items() if not task.done()}

    async def _process_or_log(self, row: Row) -> None:
        """Log any error of one row: in the task group it would cancel the other rows, whatever it is."""
        try:
            await self.process(row)
        except Exception as error:
            log.exception(self.error_event, **self.log_fields(row), error=type(error).__name__)


class SingleRun:
    """At most one run of a job in this process."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def start(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run, unless a run is under way."""
        if self._lock.locked():
            return
        async with self._lock:
            await run()
