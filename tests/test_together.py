"""Deeds that come together: who waits for whom, and whose error is whose."""

import asyncio
from collections.abc import Callable, Sequence

import psycopg
import pytest

from backend.together import MOST, Together


class Bench:
    """Does deeds when it is let, and remembers which it did together."""

    def __init__(self, at_once: int = 1, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.did: list[list[int]] = []
        self.let = asyncio.Event()
        self._fails = fails
        self.together: Together[int, int] = Together(self._run, at_once)

    async def _run(self, deeds: Sequence[int]) -> list[int]:
        self.did.append(list(deeds))
        await self.let.wait()
        if error := self._fails(deeds):
            raise error
        return [deed * 10 for deed in deeds]

    async def begin(self, *deeds: int) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self.together.do(deed)) for deed in deeds]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


async def test_the_first_goes_at_once_and_the_others_gather_until_it_is_done():
    bench = Bench()
    first = await bench.begin(1)
    others = await bench.begin(2, 3, 4)
    assert bench.did == [[1]]

    bench.let.set()

    assert await asyncio.gather(*first, *others) == [10, 20, 30, 40]
    assert bench.did == [[1], [2, 3, 4]]


async def test_as_many_runs_as_are_allowed_go_at_once_and_are_free_again():
    bench = Bench(at_once=2)
    tasks = await bench.begin(1, 2, 3)
    assert bench.did == [[1, 2, 3]]  # they came in one turn of the loop
    tasks += await bench.begin(4) + await bench.begin(5)
    assert bench.did == [[1, 2, 3], [4]]
    bench.let.set()

    assert await asyncio.gather(*tasks) == [10, 20, 30, 40, 50]
    assert await asyncio.gather(*await bench.begin(6)) == [60]
    assert bench.did[2:] == [[5], [6]]


async def test_no_run_has_more_than_the_most():
    bench = Bench()
    bench.let.set()

    answers = await asyncio.gather(*await bench.begin(*range(2 * MOST + 3)))

    assert answers == [deed * 10 for deed in range(2 * MOST + 3)]
    assert [len(deeds) for deeds in bench.did] == [MOST, MOST, 3]


async def test_one_that_fails_spoils_nothing_for_those_beside_it():
    bench = Bench(fails=lambda deeds: psycopg.DataError("no") if 2 in deeds else None)
    bench.let.set()

    answers = await asyncio.gather(*await bench.begin(1, 2, 3), return_exceptions=True)

    assert (answers[0], answers[2]) == (10, 30)
    assert isinstance(answers[1], psycopg.DataError)
    assert bench.did == [[1, 2, 3], [1], [2], [3]]


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), ValueError("ours")])
async def test_what_is_nobodys_own_fault_is_told_to_all_and_not_tried_one_by_one(error: Exception):
    bench = Bench(fails=lambda _: error)
    bench.let.set()

    answers = await asyncio.gather(*await bench.begin(1, 2), return_exceptions=True)

    assert answers == [error, error]
    assert bench.did == [[1, 2]]


async def test_who_has_gone_is_not_served_and_holds_up_nobody():
    bench = Bench()
    (first,) = await bench.begin(1)
    gone, stays = await bench.begin(2, 3)
    gone.cancel()
    bench.let.set()

    assert await asyncio.gather(first, stays) == [10, 30]
    assert bench.did == [[1], [3]]
    assert gone.cancelled()
