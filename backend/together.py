"""Deeds that come while others are under way wait for these and are done together: one trip, one transaction."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from psycopg_pool import PoolTimeout

Deed = TypeVar("Deed", contravariant=True)  # noqa: PLC0105 - it reads better
Answer = TypeVar("Answer", covariant=True)  # noqa: PLC0105
MOST = 32  # deeds of one transaction: it holds all their locks to its end
WAIT_SECONDS = 10.0  # for a deed's turn and its end, or for a free connection


class Run(Protocol[Deed, Answer]):
    """Does several deeds and answers each, in their order."""

    async def __call__(self, deeds: Sequence[Deed], /, *, hurry: bool) -> Sequence[Answer]:
        """In a hurry it raises LockNotAvailable rather than wait long for somebody's lock: others wait behind it."""


class Together(Generic[Deed, Answer]):
    """Does deeds by `run`.

    Who comes first goes at once; nobody waits for company. While `at_once` runs are under way, the others gather. When
    several fail together, each is done again by itself, beside the runs: it gets its own error, and who has to wait for
    a lock holds up nobody else.
    """

    def __init__(self, run: Run[Deed, Answer], at_once: int, alone: int = 2) -> None:
        """`alone`: how many may be done by themselves at a time; one may wait for a lock that somebody holds."""
        self._run = run
        self._free = at_once
        self._alone = asyncio.Semaphore(alone)
        # What is answered is a list of one; an empty list: do it by yourself.
        self._waiting: dict[asyncio.Future[Sequence[Answer]], Deed] = {}
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many deeds nobody has begun yet."""
        return len(self._waiting)

    async def do(self, deed: Deed) -> Answer:
        """Do a deed, together with others if there are any.

        Raises:
            PoolTimeout: it was not done in time, and may be still. psycopg.Error: what `run` raised for this deed
            alone, or because the database cannot be reached.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + WAIT_SECONDS
        future: asyncio.Future[Sequence[Answer]] = loop.create_future()
        late = loop.call_at(until, _give_up, future)
        self._waiting[future] = deed
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._work())
            self._runs.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._runs.discard)
        try:
            return (await future or await self._by_itself(deed, until))[0]
        finally:
            late.cancel()
            # Whoever has gone asks again under the same id, if at all.
            self._waiting.pop(future, None)

    async def _by_itself(self, deed: Deed, until: float) -> Sequence[Answer]:
        try:
            async with asyncio.timeout_at(until) as turn, self._alone:
                return await self._run([deed], hurry=False)
        except TimeoutError as error:
            if not turn.expired():
                raise
            raise _late() from error

    async def _work(self) -> None:
        try:
            while taken := list(islice(self._waiting.items(), MOST)):
                for future, _ in taken:
                    del self._waiting[future]
                if wanted := [(future, deed) for future, deed in taken if not future.done()]:  # not given up
                    await self._serve([deed for _, deed in wanted], [future for future, _ in wanted])
        finally:
            self._free += 1

    async def _serve(self, deeds: Sequence[Deed], futures: Sequence[asyncio.Future[Sequence[Answer]]]) -> None:
        try:
            answers = await self._run(deeds, hurry=True)
            told = [[answer] for _, answer in zip(deeds, answers, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            if _is_nobodys(error) or (len(deeds) == 1 and not isinstance(error, LockNotAvailable)):
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
                return
            told = [[] for _ in deeds]
        for future, answer in zip(futures, told, strict=True):
            if not future.done():
                future.set_result(answer)


def _give_up(future: asyncio.Future[Any]) -> None:
    # A timer costs a quarter of what a block with a timeout does, and nearly every deed is in time.
    if not future.done():
        future.set_exception(_late())


def _late() -> PoolTimeout:
    return PoolTimeout(f"not done within {WAIT_SECONDS:.0f} s")


def _is_nobodys(error: Exception) -> bool:
    """Whether no deed is to blame: the database is away or overloaded, and asking again makes it worse."""
    in_each_others_way = LockNotAvailable | DeadlockDetected | SerializationFailure
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, in_each_others_way)
