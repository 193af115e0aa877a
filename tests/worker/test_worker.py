"""The worker does each job, whatever happens to it, to its database and beside it."""

import asyncio
import os
import signal
import subprocess
import sys

import msgspec
import pytest
from sqlalchemy import create_engine, make_url, text

from backend import worker
from backend.core.db import jobs
from backend.core.db.database import Database
from backend.core.db.jobs import Backoff, Job
from backend.core.settings import Settings
from tests.conftest import CUT_OFF
from tests.worker.local_worker import until, working

DONE = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'tests'"


@pytest.fixture
def at_work(settings: Settings, tmp_path) -> Settings:
    """Settings with a data folder of this test's own."""
    return msgspec.structs.replace(settings, data=tmp_path)


@pytest.fixture
def declare():
    """Declare jobs that are forgotten after the test."""
    declared: list[str] = []

    def add(function, **options) -> Job:
        job = jobs.task("tests", **options)(function)
        declared.append(job.name)
        return job

    yield add
    for name in declared:
        del jobs.JOBS[name]


async def enqueue(db: Database, job: Job, **carried) -> int:
    async with db.begin() as session:
        return await jobs.enqueue(session, job, **carried)


async def states(db: Database) -> list[tuple[str, int]]:
    """States and attempts of the jobs that are still in the queue."""
    rows = await db.rows(text("SELECT status::text, attempts FROM procrastinate_jobs WHERE queue_name = 'tests'"))
    return [tuple(row) for row in rows]


async def test_job_gets_its_arguments_and_dependencies(db, at_work, declare):
    seen = []

    async def remember(number: int, word: str, *, db: Database, settings: Settings) -> None:
        seen.append((number, word, (await db.call(text("SELECT current_user AS role"))).role, settings.base_url))

    job = declare(remember)
    await enqueue(db, job, number=7, word="seven")
    async with working(at_work):
        await until(lambda: asyncio.sleep(0, seen))

    assert seen == [(7, "seven", "scanback_app", "http://scanback.test")]
    assert await states(db) == []


async def test_failing_job_is_retried_and_its_failure_stored(db, at_work, declare):
    tries = []

    async def stumble(number: int) -> None:
        tries.append(number)
        if len(tries) < 3:
            raise RuntimeError("not yet\nand more that must not be stored")

    await enqueue(db, declare(stumble, retry=Backoff(first=0)), number=7)
    async with working(at_work):
        await until(lambda: asyncio.sleep(0, len(tries) == 3))

    failures = await db.rows(text("SELECT task, attempt, error FROM job_failures ORDER BY id"))
    assert [(row.task, row.attempt) for row in failures] == [("tests.stumble", 0), ("tests.stumble", 1)]
    assert failures[0].error.endswith("RuntimeError: not yet")
    assert "in stumble" in failures[0].error


async def test_failing_job_is_abandoned_and_listed(db, at_work, declare):
    async def fail() -> None:
        raise RuntimeError

    await enqueue(db, declare(fail, retry=Backoff(first=0, attempts=3)))
    async with working(at_work):
        await until(lambda: _is(db, [("failed", 3)]))

    assert await states(db) == [("failed", 3)]


async def _is(db: Database, expected: list) -> bool:
    return await states(db) == expected


async def test_job_over_time_limit_is_abandoned(db, at_work, declare):
    async def dream() -> None:
        await asyncio.sleep(60)

    await enqueue(db, declare(dream, seconds=0, retry=None))
    async with working(at_work):
        await until(lambda: _is(db, [("failed", 1)]))

    (failure,) = await db.rows(text("SELECT error FROM job_failures"))
    assert failure.error.endswith("TimeoutError: ")


async def test_stopping_worker_requeues_its_job(db, at_work, declare, monkeypatch):
    monkeypatch.setattr(worker, "FINISH_SECONDS", 0.1)
    begun = asyncio.Event()

    async def last() -> None:
        begun.set()
        await asyncio.sleep(60)

    await enqueue(db, declare(last))
    async with working(at_work):
        await begun.wait()

    assert await states(db) == [("todo", 1)]
    assert await db.rows(text("SELECT FROM procrastinate_workers")) == []


async def test_workers_run_each_job_once(db, at_work, declare):
    done = []

    async def note(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    job = declare(note)
    async with db.begin() as session:
        for number in range(40):
            await jobs.enqueue(session, job, number=number)
    async with working(at_work, count=2):
        await until(lambda: asyncio.sleep(0, len(done) >= 40))

    assert sorted(done) == list(range(40))


async def test_job_of_dead_worker_is_resumed(db, at_work, declare):
    done = []

    async def outlive(number: int) -> None:
        done.append(number)

    ids = [await enqueue(db, declare(outlive), number=7)]
    await db.rows(
        text("""
        WITH dead AS (
            INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id)
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead
        WHERE procrastinate_jobs.id = ANY(:ids)"""),
        ids=ids,
    )
    async with working(at_work):
        await until(lambda: asyncio.sleep(0, done))

    assert done == [7]


async def test_job_that_kills_workers_is_abandoned(db, at_work, declare):
    async def kill() -> None: ...

    await enqueue(db, declare(kill, retry=Backoff(attempts=3)))
    await db.rows(text("UPDATE procrastinate_jobs SET status = 'doing', attempts = 2 WHERE queue_name = 'tests'"))
    async with working(at_work):
        await until(lambda: _is(db, [("failed", 3)]))

    assert await states(db) == [("failed", 3)]


async def test_worker_survives_database_restart(own_database_url, at_work, declare):
    done = []

    async def note(number: int) -> None:
        done.append(number)

    job = declare(note)
    here = msgspec.structs.replace(at_work, database_url=own_database_url)
    db = Database(own_database_url, pool_size=1)
    async with working(here):
        await enqueue(db, job, number=1)
        await until(lambda: asyncio.sleep(0, done == [1]))
        await db.close()
        await asyncio.to_thread(cut_off, own_database_url, seconds=2)
        db = Database(own_database_url, pool_size=1)
        await enqueue(db, job, number=2)
        await until(lambda: asyncio.sleep(0, done == [1, 2]))
        await db.close()


def cut_off(url: str, seconds: float) -> None:
    """As if the database were killed: no connection survives, and none is let in for a while."""
    admin = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = make_url(url).database
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(CUT_OFF, {"name": name})
        connection.execute(text("SELECT pg_sleep(:s)"), {"s": seconds})
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_process_shuts_down_gracefully_on_a_signal(db, at_work, sign):
    environ = os.environ | {
        "DATABASE_URL": at_work.database_url,
        "SCANBACK_DATA": str(at_work.data),
        "SCANBACK_MASTER_KEY": at_work.master_key.hex(),
        "SCANBACK_PEPPER": at_work.pepper.hex(),
    }
    process = subprocess.Popen([sys.executable, "-m", "backend.cli", "worker"], env=environ, stderr=subprocess.PIPE)
    try:
        await until(lambda: db.rows(text("SELECT id FROM procrastinate_workers")), 30)
        process.send_signal(sign)
        _, output = await asyncio.to_thread(process.communicate, timeout=10)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 0
    assert await db.rows(text("SELECT id FROM procrastinate_workers")) == []
    assert all(msgspec.json.decode(line)["level"] in ("info", "warning") for line in output.splitlines())
