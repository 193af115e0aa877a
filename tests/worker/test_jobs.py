"""Jobs are enqueued by the transaction of their operation, and only by it."""

import asyncio
from datetime import UTC, datetime

import pytest
from procrastinate.jobs import Job as QueuedJob
from sqlalchemy import text

from backend.core.db import jobs
from backend.core.db.jobs import Backoff, Job
from backend.core.settings import Settings

TOUCHED: list[tuple[int, str]] = []


@pytest.fixture
def touch():
    @jobs.task("tests")
    async def touch(number: int, *, settings: Settings) -> None:
        TOUCHED.append((number, settings.base_url))

    yield touch
    del jobs.JOBS["tests.touch"]


async def waiting(db) -> list:
    return await db.rows(text("SELECT task_name, args FROM procrastinate_jobs ORDER BY id"))


async def test_job_is_queued_after_the_commit(db, touch: Job):
    async with db.begin() as session:
        await jobs.enqueue(session, touch, number=7)

        assert await waiting(db) == []

    assert await waiting(db) == [("tests.touch", {"number": 7})]


async def test_failed_transaction_enqueues_no_job(db, touch: Job):
    async def fail() -> None:
        async with db.begin() as session:
            await jobs.enqueue(session, touch, number=7)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - ours
        await fail()

    assert await waiting(db) == []


async def test_job_with_undeclared_arguments_is_refused(db, touch: Job):
    async with db.begin() as session:
        with pytest.raises(TypeError, match="has the arguments"):
            await jobs.enqueue(session, touch, account=7)


def test_periodic_job_with_arguments_is_refused():
    with pytest.raises(TypeError, match="periodic"):

        @jobs.task("tests", cron="* * * * *")
        async def never(number: int) -> None: ...


def test_waits_grow_from_attempt_to_attempt_and_end():
    backoff = Backoff(first=30, most=100, attempts=4)

    waits = [backoff.get_retry_decision(exception=OSError(), job=tried(times)) for times in range(4)]

    now = datetime.now(UTC)
    assert [one and round((one.retry_at - now).total_seconds()) for one in waits] == [30, 60, 100, None]


def test_stopped_job_resumes():
    decision = Backoff(attempts=1).get_retry_decision(exception=asyncio.CancelledError(), job=tried(5))

    assert decision.retry_at is None


def tried(times: int) -> QueuedJob:
    return QueuedJob(id=1, queue="tests", lock=None, queueing_lock=None, task_name="tests.touch", attempts=times)
