"""Deeds that come together: who waits for whom, and whose error is whose."""

import asyncio
import time
from collections.abc import Callable, Sequence

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from backend.together import MOST, Together


class Bench:
    """Does deeds when it is let, and remembers which it did together."""

    def __init__(self, at_once: int = 1, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.did: list[list[int]] = []
        self.let = asyncio.Event()
        self._fails = fails
        self.together: Together[int, int] = Together(self._run, at_once)

    async def _run(self, deeds: Sequence[int], *, hurry: bool) -> list[int]:
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
    assert bench.did[0] == [1, 2, 3]
    assert sorted(bench.did[1:]) == [[1], [2], [3]]


@pytest.mark.parametrize("company", [(1, 2, 3), (2,)])
async def test_who_waits_for_a_lock_waits_beside_the_runs_and_the_next_go_on(company: tuple[int, ...]):
    hangs = asyncio.Event()

    async def run(deeds: Sequence[int], *, hurry: bool) -> list[int]:
        if hurry and 2 in deeds:
            raise psycopg.errors.LockNotAvailable
        if 2 in deeds:
            await hangs.wait()
        return list(deeds)

    together = Together(run, 2)
    first = [asyncio.create_task(together.do(deed)) for deed in company]
    await asyncio.sleep(0.01)
    assert [task.done() for task in first] == [deed != 2 for deed in company]

    assert await together.do(4) == 4
    hangs.set()
    assert await asyncio.gather(*first) == list(company)


async def test_who_got_in_each_others_way_is_done_by_himself():
    bench = Bench(fails=lambda deeds: psycopg.errors.DeadlockDetected() if len(deeds) > 1 else None)
    bench.let.set()

    assert await asyncio.gather(*await bench.begin(1, 2)) == [10, 20]


async def test_a_timeout_within_a_deed_is_its_own():
    bench = Bench(fails=lambda _: TimeoutError("theirs"))
    bench.let.set()

    with pytest.raises(TimeoutError, match="theirs"):
        await bench.together.do(1)


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), PoolTimeout("no connection")])
async def test_a_database_that_is_away_is_not_asked_one_by_one(error: Exception):
    bench = Bench(fails=lambda _: error)
    bench.let.set()

    answers = await asyncio.gather(*await bench.begin(1, 2), return_exceptions=True)

    assert answers == [error, error]
    assert bench.did == [[1, 2]]


async def test_nobody_waits_for_a_turn_longer_than_for_a_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.together.WAIT_SECONDS", 0.05)
    bench = Bench(at_once=2)  # whose runs hang
    begun = time.monotonic()

    answers = await asyncio.gather(*await bench.begin(*range(5 * MOST)), return_exceptions=True)

    assert {type(answer) for answer in answers} == {PoolTimeout}
    assert time.monotonic() - begun < 1
    assert bench.together.waiting == 0
    bench.let.set()
    assert await asyncio.gather(*await bench.begin(7)) == [70]


async def test_an_answer_too_few_is_a_fault_and_nobody_hangs():
    async def run(deeds: Sequence[int], *, hurry: bool) -> list[int]:
        return [0] * (len(deeds) - 1)

    answers = await asyncio.gather(*(Together(run, 1).do(1) for _ in range(2)), return_exceptions=True)

    assert {type(answer) for answer in answers} == {ValueError}


async def test_those_who_gather_are_counted():
    bench = Bench()
    tasks = await bench.begin(1)
    tasks += await bench.begin(2, 3, 4)

    assert bench.together.waiting == 3

    bench.let.set()
    await asyncio.gather(*tasks)
    assert bench.together.waiting == 0


async def test_who_has_gone_is_not_served_and_holds_up_nobody():
    bench = Bench()
    (first,) = await bench.begin(1)
    gone, stays = await bench.begin(2, 3)
    gone.cancel()
    bench.let.set()

    assert await asyncio.gather(first, stays) == [10, 30]
    assert bench.did == [[1], [3]]
    assert gone.cancelled()


async def test_who_waits_alone_for_a_lock_holds_up_nobody_whose_company_failed():
    held, let_go = asyncio.Event(), asyncio.Event()

    async def run(deeds: Sequence[int], *, hurry: bool) -> list[int]:
        if hurry and 1 in deeds:
            raise psycopg.errors.LockNotAvailable
        if 1 in deeds:
            held.set()
            await let_go.wait()
        elif len(deeds) > 1:
            raise ValueError
        return list(deeds)

    together = Together(run, at_once=1)
    waits = asyncio.create_task(together.do(1))
    await held.wait()

    assert await asyncio.wait_for(asyncio.gather(together.do(2), together.do(3)), 1) == [2, 3]
    let_go.set()
    assert await waits == 1
