"""Turns to ask somebody outside: his second and his day hold over all processes, however late a question arrives."""

import asyncio
import random
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from backend import limits
from backend.database import Database
from backend.limits import Turn

RATE = {"per_second": 5.0, "longest": 0.5}


def most_in_a_second(arrivals: list[float]) -> int:
    arrivals = sorted(arrivals)
    return max(bisect_right(arrivals, start + 1.0) - number for number, start in enumerate(arrivals))


async def test_however_late_questions_arrive_no_second_has_more_of_them_than_it_allows(db: Database):
    dice, arrivals = random.Random(5), list[float]()

    async def ask() -> None:
        while not isinstance(turn := await limits.turn(db, "late", **RATE), Turn):
            pass
        await asyncio.sleep(dice.choice([0.0, 0.0, 0.05, 0.4]))
        arrivals.append(time.monotonic())
        await asyncio.sleep(dice.choice([0.0, 0.05]))
        await limits.give_back(db, turn)

    await asyncio.gather(*(ask() for _ in range(20)))

    assert len(arrivals) == 20
    assert most_in_a_second(arrivals) <= 5
    assert max(arrivals) - min(arrivals) < 9


async def test_a_turn_that_nobody_gives_back_ends_by_itself(db: Database):
    first = await limits.turn(db, "one", per_second=1.0, longest=0.2)
    begun = time.monotonic()

    second = await limits.turn(db, "one", per_second=1.0, longest=0.2)

    assert isinstance(first, Turn)
    assert isinstance(second, Turn)
    assert 0.9 < time.monotonic() - begun < 2.5


async def test_whose_turn_was_over_gives_back_nobody_elses(db: Database):
    first = await limits.turn(db, "two", per_second=1.0, longest=0.0)
    second = await limits.turn(db, "two", per_second=1.0, longest=5.0)
    assert isinstance(first, Turn)
    assert isinstance(second, Turn)

    await limits.give_back(db, first)

    (row,) = await db.rows(text("SELECT busy[1] AS until FROM turns WHERE name = 'two'"))
    assert row.until == second.until


async def test_a_rate_below_one_a_second_has_one_turn_and_a_longer_rest(db: Database):
    turn = await limits.turn(db, "slow", per_second=0.1, longest=0.5)
    assert isinstance(turn, Turn)
    await limits.give_back(db, turn)

    again = await limits.turn(db, "slow", per_second=0.1, longest=0.5)

    assert isinstance(again, datetime)
    assert timedelta(seconds=9) < again - datetime.now(UTC) < timedelta(seconds=11)


async def test_the_day_has_its_number(db: Database):
    taken = [await limits.turn(db, "day", **RATE, per_day=2) for _ in range(3)]

    assert [isinstance(one, Turn) for one in taken] == [True, True, False]
    assert isinstance(taken[2], datetime)
    assert taken[2] == datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
