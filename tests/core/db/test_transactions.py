"""A function in a transaction: what is retried, and what is not."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import ATTEMPTS, Database
from backend.core.db.events import Event
from backend.core.http.errors import NotFound

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'a test' USING ERRCODE = '{}'; END $$"


class Work:
    """Writes an event, then raises an SQLSTATE in its first attempts."""

    def __init__(self, sqlstate: str, failures: int) -> None:
        self.sqlstate, self.failures, self.count = sqlstate, failures, 0

    async def __call__(self, session: AsyncSession) -> int:
        self.count += 1
        session.add(Event(kind=f"attempt.{self.count}", body={}))
        await session.flush()
        if self.count <= self.failures:
            await session.execute(text(RAISE.format(self.sqlstate)))
        return self.count


async def stored_kinds(db: Database) -> list[str]:
    async with db.begin() as session:
        return list(await session.scalars(select(Event.kind)))


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
async def test_deadlock_or_serialization_failure_is_retried(db: Database, sqlstate: str):
    result = await db.transaction(Work(sqlstate, failures=2))

    assert result == 3
    assert await stored_kinds(db) == ["attempt.3"]


async def test_deadlock_in_each_attempt_is_raised(db: Database):
    work = Work("40P01", failures=9)

    with pytest.raises(DBAPIError):
        await db.transaction(work)

    assert work.count == ATTEMPTS
    assert await stored_kinds(db) == []


async def test_other_database_error_is_not_retried(db: Database):
    work = Work("23505", failures=1)

    with pytest.raises(DBAPIError):
        await db.transaction(work)

    assert work.count == 1


async def test_domain_error_rolls_back_and_is_raised(db: Database):
    async def work(session: AsyncSession) -> None:
        session.add(Event(kind="refused", body={}))
        await session.flush()
        raise NotFound

    with pytest.raises(NotFound):
        await db.transaction(work)

    assert await stored_kinds(db) == []


async def test_transactions_that_deadlock_both_commit(db: Database):
    both_locked = asyncio.Barrier(2)
    attempts = []

    async def work(session: AsyncSession, first: int, second: int) -> int:
        attempts.append(first)
        await session.execute(text("SELECT pg_advisory_xact_lock(1, :key)"), {"key": first})
        if len(attempts) <= 2:
            await both_locked.wait()
        await session.execute(text("SELECT pg_advisory_xact_lock(1, :key)"), {"key": second})
        return first

    results = await asyncio.gather(
        db.transaction(lambda session: work(session, 1, 2)), db.transaction(lambda session: work(session, 2, 1))
    )

    assert results == [1, 2]
    assert len(attempts) == 3
