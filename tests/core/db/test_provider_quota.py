"""Permits of a provider: its rate and daily quota hold over all processes, however late a request arrives."""

import asyncio
import random
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.db.rate_limits import Permit

RATE = {"per_second": 5.0, "max_seconds": 0.5}


def most_in_a_second(arrivals: list[float]) -> int:
    arrivals = sorted(arrivals)
    return max(bisect_right(arrivals, start + 1.0) - number for number, start in enumerate(arrivals))


async def test_delayed_requests_do_not_exceed_rate(db: Database):
    dice, arrivals = random.Random(5), list[float]()

    async def ask() -> None:
        while not isinstance(permit := await rate_limits.acquire_permit(db, "late", **RATE), Permit):
            pass
        await asyncio.sleep(dice.choice([0.0, 0.0, 0.05, 0.4]))
        arrivals.append(time.monotonic())
        await asyncio.sleep(dice.choice([0.0, 0.05]))
        await rate_limits.release_permit(db, permit)

    await asyncio.gather(*(ask() for _ in range(20)))

    assert len(arrivals) == 20
    assert most_in_a_second(arrivals) <= 5
    assert max(arrivals) - min(arrivals) < 9


async def test_unreleased_permit_ends_with_its_lease(db: Database):
    first = await rate_limits.acquire_permit(db, "one", per_second=1.0, max_seconds=0.2)
    begun = time.monotonic()

    second = await rate_limits.acquire_permit(db, "one", per_second=1.0, max_seconds=0.2)

    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    assert 0.9 < time.monotonic() - begun < 2.5


async def test_expired_permit_does_not_release_another(db: Database):
    first = await rate_limits.acquire_permit(db, "two", per_second=1.0, max_seconds=0.0)
    second = await rate_limits.acquire_permit(db, "two", per_second=1.0, max_seconds=5.0)
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)

    await rate_limits.release_permit(db, first)

    (row,) = await db.rows(text("SELECT busy[1] AS until FROM turns WHERE name = 'two'"))
    assert row.until == second.until


async def test_rate_below_one_a_second_has_longer_cooldown(db: Database):
    permit = await rate_limits.acquire_permit(db, "slow", per_second=0.1, max_seconds=0.5)
    assert isinstance(permit, Permit)
    await rate_limits.release_permit(db, permit)

    again = await rate_limits.acquire_permit(db, "slow", per_second=0.1, max_seconds=0.5)

    assert isinstance(again, datetime)
    assert timedelta(seconds=9) < again - datetime.now(UTC) < timedelta(seconds=11)


async def test_day_quota_is_respected(db: Database):
    permits = [await rate_limits.acquire_permit(db, "day", **RATE, per_day=2) for _ in range(3)]

    assert [isinstance(permit, Permit) for permit in permits] == [True, True, False]
    assert isinstance(permits[2], datetime)
    assert permits[2] == datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
