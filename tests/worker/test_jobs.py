"""Jobs are enqueued with the deed that needs them, and by nothing else."""

import pytest
from sqlalchemy import text

from backend import jobs
from backend.jobs import Backoff, Job
from backend.settings import Settings

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


async def test_a_job_stands_in_its_queue_once_the_deed_is_committed(db, touch: Job):
    async with db.begin() as session:
        await jobs.enqueue(session, touch, number=7)

        assert await waiting(db) == []

    assert await waiting(db) == [("tests.touch", {"number": 7})]


async def test_a_deed_that_fails_leaves_no_job_behind(db, touch: Job):
    with pytest.raises(ZeroDivisionError):
        async with db.begin() as session:
            await jobs.enqueue(session, touch, number=7)
            1 / 0

    assert await waiting(db) == []


async def test_a_job_that_carries_other_things_than_it_declared_is_refused(db, touch: Job):
    async with db.begin() as session:
        with pytest.raises(TypeError, match="carries"):
            await jobs.enqueue(session, touch, account=7)


def test_a_periodic_job_may_not_carry_anything():
    with pytest.raises(TypeError, match="periodic"):

        @jobs.task("tests", cron="* * * * *")
        async def never(number: int) -> None: ...


def test_waits_grow_from_attempt_to_attempt_and_end():
    class Tried:
        attempts = 0

    backoff, waits = Backoff(first=30, most=100, attempts=4), []
    for Tried.attempts in range(4):
        decision = backoff.get_retry_decision(exception=OSError(), job=Tried)
        waits.append(decision and round((decision.retry_at - jobs.datetime.now(decision.retry_at.tzinfo)).seconds, -1))

    assert waits == [30, 60, 100, None]
