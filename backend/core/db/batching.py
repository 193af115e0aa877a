"""Batches of operations: those that arrive while a batch is running share the next one, in one round trip and one
transaction. An operation goes through these states:

    execute() ──> pending ── a slot is free ──> in a batch ──┬── Done ───────────────> result
                     │                                       ├── database unavailable, or a batch of one ──> error
                     └── WAIT_SECONDS ──> PoolTimeout        └── RetryIndividually
                                                                        │
                                                              executed individually ──> result, error or PoolTimeout
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

import msgspec
import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from psycopg_pool import PoolTimeout

Operation = TypeVar("Operation", contravariant=True)  # noqa: PLC0105 - it reads better
Result = TypeVar("Result", covariant=True)  # noqa: PLC0105
MAX_BATCH_SIZE = 32  # a transaction holds the locks of all its operations to its end
WAIT_SECONDS = 10.0  # for an operation's slot and its end, or for a free connection


class ExecuteBatch(Protocol[Operation, Result]):
    """Executes several operations in one transaction and returns their results, in the same order."""

    async def __call__(self, operations: Sequence[Operation], /, *, fail_on_lock: bool) -> Sequence[Result]:
        """With `fail_on_lock` it raises LockNotAvailable rather than wait long for a lock: the batch would wait too."""


class Done(msgspec.Struct, Generic[Result], frozen=True):
    """The result of an operation of a batch."""

    result: Result


class RetryIndividually(msgspec.Struct, frozen=True):
    """The batch was rolled back: its error may belong to another operation."""


RETRY_INDIVIDUALLY = RetryIndividually()
Outcome = Done[Result] | RetryIndividually


class Batcher(Generic[Operation, Result]):
    """Executes operations in batches.

    The first operation starts at once: there is no delay to fill a batch. While all slots are taken, further operations
    are pending and share the next batch. When a batch fails, each of its operations is retried individually, outside
    the slots. So each gets its own error, and an operation that waits for a lock delays no batch.
    """

    def __init__(self, execute_batch: ExecuteBatch[Operation, Result], slots: int, individual_slots: int = 2) -> None:
        """`slots`: batches at a time. `individual_slots`: individual retries at a time, each of which may wait for a
        lock."""
        self._execute_batch = execute_batch
        self._free_slots = slots
        self._individual_slots = asyncio.Semaphore(individual_slots)
        self._pending: dict[asyncio.Future[Outcome[Result]], Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_held = False

    @property
    def pending(self) -> int:
        """How many operations are in no batch yet."""
        return len(self._pending)

    def hold(self) -> None:
        """Start no batch until `release`. Tests use it to have several operations in one batch."""
        self._is_held = True

    def release(self) -> None:
        """Start batches again."""
        self._is_held = False
        if self._pending and self._free_slots:
            self._start_task()

    async def execute(self, operation: Operation) -> Result:
        """Execute an operation, in a batch with others if there are any.

        Raises:
            PoolTimeout: it was not executed in time; it may be executed later. psycopg.Error: `execute_batch` raised it
            for this operation, or the database is unavailable.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_SECONDS
        future: asyncio.Future[Outcome[Result]] = loop.create_future()
        timer = loop.call_at(deadline, _expire, future)
        self._pending[future] = operation
        if self._free_slots and not self._is_held:
            self._start_task()
        try:
            outcome = await future
            if isinstance(outcome, Done):
                return outcome.result
            return await self._execute_individually(operation, deadline)
        finally:
            timer.cancel()
            # A cancelled operation that is still pending is dropped: the client may send it again under the same id.
            self._pending.pop(future, None)

    def _start_task(self) -> None:
        self._free_slots -= 1
        task = asyncio.create_task(self._execute_batches())
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _execute_individually(self, operation: Operation, deadline: float) -> Result:
        try:
            async with asyncio.timeout_at(deadline) as timeout, self._individual_slots:
                return (await self._execute_batch([operation], fail_on_lock=False))[0]
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise _timeout_error() from error

    async def _execute_batches(self) -> None:
        try:
            while not self._is_held and (taken := list(islice(self._pending.items(), MAX_BATCH_SIZE))):
                for future, _ in taken:
                    del self._pending[future]
                if batch := [(future, operation) for future, operation in taken if not future.done()]:  # not expired
                    await self._execute_one_batch(
                        [operation for _, operation in batch], [future for future, _ in batch]
                    )
        finally:
            self._free_slots += 1

    async def _execute_one_batch(
        self, operations: Sequence[Operation], futures: Sequence[asyncio.Future[Outcome[Result]]]
    ) -> None:
        outcomes: Sequence[Outcome[Result]]
        try:
            results = await self._execute_batch(operations, fail_on_lock=True)
            outcomes = [Done(result) for _, result in zip(operations, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - the callers of `execute` get it
            if _is_unavailable(error) or (len(operations) == 1 and not isinstance(error, LockNotAvailable)):
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
                return
            outcomes = [RETRY_INDIVIDUALLY] * len(operations)
        for future, outcome in zip(futures, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)


def _expire(future: asyncio.Future[Outcome[Result]]) -> None:
    # A timer costs a quarter of what a block with a timeout does, and nearly every operation is in time.
    if not future.done():
        future.set_exception(_timeout_error())


def _timeout_error() -> PoolTimeout:
    return PoolTimeout(f"not done within {WAIT_SECONDS:.0f} s")


def _is_unavailable(error: Exception) -> bool:
    """Whether the database is unavailable or overloaded: no operation caused that, and retries make it worse."""
    is_conflict = isinstance(error, LockNotAvailable | DeadlockDetected | SerializationFailure)
    return isinstance(error, psycopg.OperationalError) and not is_conflict
