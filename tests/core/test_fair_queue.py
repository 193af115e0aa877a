import asyncio

import pytest

from backend.core import fair_queue
from backend.core.fair_queue import FairQueue
from backend.core.http.errors import Busy


class Readers:
    """Callers who read pictures in a queue, each until it is released."""

    def __init__(self, queue):
        self.queue = queue
        self.begun = []
        self.tasks = []
        self.over = []

    async def read(self, caller, size=1, *, is_costly=False):
        over = asyncio.Event()
        self.over.append((caller, over))

        async def reading():
            async with self.queue.place(caller, size, is_costly=is_costly):
                self.begun.append(caller)
                await over.wait()

        task = asyncio.create_task(reading())
        self.tasks.append(task)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    async def end(self, caller):
        """End the first picture of a caller that is still read."""
        place = next(n for n, (who, over) in enumerate(self.over) if who == caller and not over.is_set())
        self.over[place][1].set()
        for _ in range(4):
            await asyncio.sleep(0)


@pytest.fixture
async def readers():
    made = []

    def make(**sizes):
        made.append(Readers(FairQueue(**sizes, busy=Busy)))
        return made[-1]

    yield make
    for one in made:
        for task in one.tasks:
            task.cancel()
        await asyncio.gather(*one.tasks, return_exceptions=True)


async def test_caller_reads_one_picture_at_a_time(readers):
    queue = readers(places=2, waiting=9)
    for caller in ("a", "a", "b"):
        await queue.read(caller)

    assert queue.begun == ["a", "b"]
    await queue.end("a")
    assert queue.begun == ["a", "b", "a"]


async def test_callers_get_places_round_robin(readers):
    queue = readers(places=1, waiting=9)
    for caller in ("a", "a", "a", "b", "b", "c"):
        await queue.read(caller)

    for caller in ("a", "b", "c", "a", "b"):
        await queue.end(caller)

    assert queue.begun == ["a", "b", "c", "a", "b", "a"]


async def test_caller_with_too_many_waiting_is_refused(readers):
    queue = readers(places=1, waiting=99)
    for _ in range(1 + fair_queue.MAX_WAITING_PER_CALLER):
        await queue.read("a")

    late = await queue.read("a")

    with pytest.raises(Busy):
        await late


async def test_full_queue_drops_work_of_largest_caller(readers):
    queue = readers(places=1, waiting=3)
    tasks = [await queue.read("a") for _ in range(4)]

    honest = await queue.read("b")

    with pytest.raises(Busy):
        await tasks[-1]
    await queue.end("a")
    assert queue.begun == ["a", "b"]
    assert not honest.done()


async def test_full_queue_refuses_the_next_picture(readers):
    queue = readers(places=1, waiting=2)
    for caller in ("a", "b", "c"):
        await queue.read(caller)

    late = await queue.read("d")

    with pytest.raises(Busy):
        await late


async def test_pictures_that_wait_share_a_bound_of_bytes(readers):
    queue = readers(places=1, waiting=99)
    await queue.read("a")
    await queue.read("b", fair_queue.MAX_WAITING_BYTES)

    late = await queue.read("c", 1)

    with pytest.raises(Busy):
        await late


async def test_costly_caller_leaves_place_to_others(readers):
    queue = readers(places=2, waiting=9)
    for caller in ("slow", "slower"):
        queue.queue.spend(caller, 5)
        await queue.read(caller)

    await queue.read("quick")

    assert queue.begun == ["slow", "quick"]


async def test_expected_costly_work_leaves_place_to_others(readers):
    queue = readers(places=2, waiting=9)
    for caller in ("new", "newer"):
        await queue.read(caller, is_costly=True)

    await queue.read("quick")

    assert queue.begun == ["new", "quick"]
    await queue.end("new")
    await queue.end("quick")
    assert queue.begun == ["new", "quick", "newer"]


async def test_costly_caller_is_refused_before_others(readers):
    queue = readers(places=1, waiting=1)
    queue.queue.spend("slow", 5)
    await queue.read("a")
    slow = await queue.read("slow")

    await queue.read("quick")

    with pytest.raises(Busy):
        await slow


async def test_caller_that_times_out_frees_its_place(readers, monkeypatch):
    monkeypatch.setattr(fair_queue, "WAIT_SECONDS", 0.05)
    queue = readers(places=1, waiting=9)
    await queue.read("a")
    late = await queue.read("b")
    leaving = await queue.read("c")
    leaving.cancel()

    with pytest.raises(Busy):
        await late
    await queue.end("a")
    await queue.read("d")

    assert queue.begun == ["a", "d"]
