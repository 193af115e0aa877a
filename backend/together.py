"""Deeds that come while others are under way wait for these and are done together: one trip, one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg
from psycopg.errors import LockNotAvailable
from psycopg_pool import PoolTimeout

Deed = TypeVar("Deed")
Answer = TypeVar("Answer")
MOST = 16  # deeds of one transaction: it holds all their locks to its end
WAIT_SECONDS = 10.0  # for a turn, or for a free connection


class Together(Generic[Deed, Answer]):
    """Does deeds by `run`, which takes several and answers each, in their order.

    Who comes first goes at once; nobody waits for company. While `at_once` runs are under way, the others gather. When
    several fail together, each is done again by itself: it gets its own error, and who waits for a lock waits alone.
    """

    def __init__(self, run: Callable[[Sequence[Deed]], Awaitable[Sequence[Answer]]], at_once: int) -> None:
        self._run = run
        self._free = at_once
        # What is answered is a list of one; an empty list: do it by yourself.
        self._waiting: deque[tuple[Deed, asyncio.Future[Sequence[Answer]]]] = deque()
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many deeds nobody has begun yet."""
        return len(self._waiting)

    async def do(self, deed: Deed) -> Answer:
        """Do a deed, together with others if there are any.

        Raises:
            PoolTimeout: its turn did not come, or did not end. psycopg.Error: what `run` raised for this deed alone, or
            because the database cannot be reached.
        """
        future: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((deed, future))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._work())
            self._runs.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._runs.discard)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                answers = await future
        except TimeoutError as error:
            raise PoolTimeout(f"no turn within {WAIT_SECONDS:.0f} s") from error
        return (answers or await self._run([deed]))[0]

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                # Whoever has gone meanwhile asks again under the same id, if at all.
                if there := [row for row in taken if not row[1].done()]:
                    await self._serve([deed for deed, _ in there], [future for _, future in there])
        finally:
            self._free += 1

    async def _serve(self, deeds: Sequence[Deed], futures: Sequence[asyncio.Future[Sequence[Answer]]]) -> None:
        try:
            answers = await self._run(deeds)
            told = [[answer] for _, answer in zip(deeds, answers, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            if len(deeds) == 1 or _is_nobodys(error):
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
                return
            told = [[] for _ in deeds]
        for future, answer in zip(futures, told, strict=True):
            if not future.done():
                future.set_result(answer)


def _is_nobodys(error: Exception) -> bool:
    """Whether no deed is to blame: the database is away or overloaded, and asking again makes it worse."""
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, LockNotAvailable)
