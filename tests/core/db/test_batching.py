"""Batches of operations: what starts when, and which operation gets which error."""

import asyncio
import time
from collections.abc import Callable, Sequence

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from backend.core.db.batching import MAX_BATCH_SIZE, Batcher


class RecordedBatches:
    """A batcher whose batches wait for `proceed` and are recorded."""

    def __init__(self, slots: int = 1, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.batches: list[list[int]] = []
        self.proceed = asyncio.Event()
        self._fails = fails
        self.batcher: Batcher[int, int] = Batcher(self._execute_batch, slots)

    async def _execute_batch(self, operations: Sequence[int], *, fail_on_lock: bool) -> list[int]:
        self.batches.append(list(operations))
        await self.proceed.wait()
        if error := self._fails(operations):
            raise error
        return [operation * 10 for operation in operations]

    async def start(self, *operations: int) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self.batcher.execute(operation)) for operation in operations]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


async def test_later_operations_share_a_batch():
    recorded = RecordedBatches()
    first = await recorded.start(1)
    others = await recorded.start(2, 3, 4)
    assert recorded.batches == [[1]]

    recorded.proceed.set()

    assert await asyncio.gather(*first, *others) == [10, 20, 30, 40]
    assert recorded.batches == [[1], [2, 3, 4]]


async def test_batches_use_all_slots_and_free_them():
    recorded = RecordedBatches(slots=2)
    tasks = await recorded.start(1, 2, 3)
    assert recorded.batches == [[1, 2, 3]]  # they arrived in one iteration of the loop
    tasks += await recorded.start(4) + await recorded.start(5)
    assert recorded.batches == [[1, 2, 3], [4]]
    recorded.proceed.set()

    assert await asyncio.gather(*tasks) == [10, 20, 30, 40, 50]
    assert await asyncio.gather(*await recorded.start(6)) == [60]
    assert recorded.batches[2:] == [[5], [6]]


async def test_batches_have_at_most_the_maximum_size():
    recorded = RecordedBatches()
    recorded.proceed.set()

    results = await asyncio.gather(*await recorded.start(*range(2 * MAX_BATCH_SIZE + 3)))

    assert results == [operation * 10 for operation in range(2 * MAX_BATCH_SIZE + 3)]
    assert [len(operations) for operations in recorded.batches] == [MAX_BATCH_SIZE, MAX_BATCH_SIZE, 3]


async def test_failing_operation_does_not_fail_its_batch():
    recorded = RecordedBatches(fails=lambda operations: psycopg.DataError("no") if 2 in operations else None)
    recorded.proceed.set()

    results = await asyncio.gather(*await recorded.start(1, 2, 3), return_exceptions=True)

    assert (results[0], results[2]) == (10, 30)
    assert isinstance(results[1], psycopg.DataError)
    assert recorded.batches[0] == [1, 2, 3]
    assert sorted(recorded.batches[1:]) == [[1], [2], [3]]


@pytest.mark.parametrize("batch", [(1, 2, 3), (2,)])
async def test_operation_waiting_for_a_lock_does_not_delay_batches(batch: tuple[int, ...]):
    locked = asyncio.Event()

    async def execute_batch(operations: Sequence[int], *, fail_on_lock: bool) -> list[int]:
        if fail_on_lock and 2 in operations:
            raise psycopg.errors.LockNotAvailable
        if 2 in operations:
            await locked.wait()
        return list(operations)

    batcher = Batcher(execute_batch, 2)
    first = [asyncio.create_task(batcher.execute(operation)) for operation in batch]
    await asyncio.sleep(0.01)
    assert [task.done() for task in first] == [operation != 2 for operation in batch]

    assert await batcher.execute(4) == 4
    locked.set()
    assert await asyncio.gather(*first) == list(batch)


async def test_deadlocked_operations_are_retried_individually():
    recorded = RecordedBatches(fails=lambda batch: psycopg.errors.DeadlockDetected() if len(batch) > 1 else None)
    recorded.proceed.set()

    assert await asyncio.gather(*await recorded.start(1, 2)) == [10, 20]


async def test_timeout_error_of_an_operation_is_raised_unchanged():
    recorded = RecordedBatches(fails=lambda _: TimeoutError("theirs"))
    recorded.proceed.set()

    with pytest.raises(TimeoutError, match="theirs"):
        await recorded.batcher.execute(1)


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), PoolTimeout("no connection")])
async def test_unavailable_database_is_not_retried_individually(error: Exception):
    recorded = RecordedBatches(fails=lambda _: error)
    recorded.proceed.set()

    results = await asyncio.gather(*await recorded.start(1, 2), return_exceptions=True)

    assert results == [error, error]
    assert recorded.batches == [[1, 2]]


async def test_operation_waiting_too_long_raises_pool_timeout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.core.db.batching.WAIT_SECONDS", 0.05)
    recorded = RecordedBatches(slots=2)  # its batches hang
    started_at = time.monotonic()

    results = await asyncio.gather(*await recorded.start(*range(5 * MAX_BATCH_SIZE)), return_exceptions=True)

    assert {type(result) for result in results} == {PoolTimeout}
    assert time.monotonic() - started_at < 1
    assert recorded.batcher.pending == 0
    recorded.proceed.set()
    assert await asyncio.gather(*await recorded.start(7)) == [70]


async def test_missing_result_raises_value_error():
    async def execute_batch(operations: Sequence[int], *, fail_on_lock: bool) -> list[int]:
        return [0] * (len(operations) - 1)

    results = await asyncio.gather(*(Batcher(execute_batch, 1).execute(1) for _ in range(2)), return_exceptions=True)

    assert {type(result) for result in results} == {ValueError}


async def test_pending_operations_are_counted():
    recorded = RecordedBatches()
    tasks = await recorded.start(1)
    tasks += await recorded.start(2, 3, 4)

    assert recorded.batcher.pending == 3

    recorded.proceed.set()
    await asyncio.gather(*tasks)
    assert recorded.batcher.pending == 0


async def test_cancelled_pending_operation_is_not_executed():
    recorded = RecordedBatches()
    (first,) = await recorded.start(1)
    cancelled, other = await recorded.start(2, 3)
    cancelled.cancel()
    recorded.proceed.set()

    assert await asyncio.gather(first, other) == [10, 30]
    assert recorded.batches == [[1], [3]]
    assert cancelled.cancelled()


async def test_individual_lock_wait_does_not_delay_other_retries():
    held, release_lock = asyncio.Event(), asyncio.Event()

    async def execute_batch(operations: Sequence[int], *, fail_on_lock: bool) -> list[int]:
        if fail_on_lock and 1 in operations:
            raise psycopg.errors.LockNotAvailable
        if 1 in operations:
            held.set()
            await release_lock.wait()
        elif len(operations) > 1:
            raise ValueError
        return list(operations)

    batcher = Batcher(execute_batch, slots=1)
    waiting = asyncio.create_task(batcher.execute(1))
    await held.wait()

    assert await asyncio.wait_for(asyncio.gather(batcher.execute(2), batcher.execute(3)), 1) == [2, 3]
    release_lock.set()
    assert await waiting == 1


async def test_held_operations_share_one_batch_after_release():
    recorded = RecordedBatches()
    recorded.batcher.hold()
    tasks = await recorded.start(1) + await recorded.start(2)
    assert recorded.batches == []

    recorded.batcher.release()
    recorded.proceed.set()

    assert await asyncio.gather(*tasks) == [10, 20]
    assert recorded.batches == [[1, 2]]
