"""Deeds that come while others are under way wait for these and are done together: one trip, one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

Deed = TypeVar("Deed")
Answer = TypeVar("Answer")
MOST = 16  # deeds of one transaction: it holds all their locks to its end


class Together(Generic[Deed, Answer]):
    """Does deeds by `run`, which takes several and answers each, in their order.

    Who comes first goes at once; nobody waits for company. While `at_once` runs are under way, the others gather. What
    fails for several is done again one by one, so that each gets its own error.
    """

    def __init__(self, run: Callable[[Sequence[Deed]], Awaitable[Sequence[Answer]]], at_once: int) -> None:
        self._run = run
        self._free = at_once
        self._waiting: deque[tuple[Deed, asyncio.Future[Answer]]] = deque()
        self._runs: set[asyncio.Task[None]] = set()

    async def do(self, deed: Deed) -> Answer:
        """Do a deed, together with others if there are any.

        Raises:
            psycopg.Error: what `run` raised for this deed alone, or because the database cannot be reached.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((deed, future))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._work())
            self._runs.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._runs.discard)
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._serve([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
        finally:
            self._free += 1

    async def _serve(self, taken: Sequence[tuple[Deed, asyncio.Future[Answer]]]) -> None:
        # Whoever has gone meanwhile asks again under the same id, if at all.
        taken = [(deed, future) for deed, future in taken if not future.done()]
        try:
            answers = await self._run([deed for deed, _ in taken]) if taken else []
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            if len(taken) > 1 and isinstance(error, psycopg.Error) and not isinstance(error, psycopg.OperationalError):
                for one in taken:
                    await self._serve([one])
                return
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            if not future.done():
                future.set_result(answer)
