"""Leased rows: each is processed once, and one row's error stops no other."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.core.db.leases import LeasedWork, SingleRun


class Rows:
    """Rows that are due, as numbers. Processing raises the row's error, if it has one."""

    def __init__(self, due: list[int], errors: dict[int, Exception] | None = None) -> None:
        self.due, self.errors = due, errors or {}
        self.done: list[int] = []
        self.most_at_once = 0

    async def lease(self, limit: int, running: Collection[int]) -> list[int]:
        leased, self.due = self.due[:limit], self.due[limit:]
        self.most_at_once = max(self.most_at_once, len(leased) + len(running))
        return leased

    async def process(self, row: int) -> None:
        if row in self.errors:
            raise self.errors[row]
        await asyncio.sleep(0.01)
        self.done.append(row)

    def work(self, concurrency: int = 8) -> LeasedWork[int]:
        return LeasedWork(self.lease, self.process, "row_failed", lambda row: {"row": row}, concurrency)


async def test_due_rows_are_processed_within_concurrency():
    rows = Rows(list(range(10)))

    await rows.work(concurrency=3).run()

    assert sorted(rows.done) == list(range(10))
    assert rows.most_at_once == 3


@pytest.mark.parametrize("error", [PoolTimeout("no connection"), AttributeError("a bug"), OSError("a file")])
async def test_error_of_one_row_cancels_no_other(error: Exception):
    rows = Rows([1, 2, 3, 4], {2: error})

    await rows.work().run()

    assert sorted(rows.done) == [1, 3, 4]


async def test_second_run_in_process_is_skipped():
    single, runs = SingleRun(), []

    async def run() -> None:
        runs.append(1)
        await asyncio.sleep(0.01)

    await asyncio.gather(single.start(run), single.start(run))
    await single.start(run)

    assert len(runs) == 2
