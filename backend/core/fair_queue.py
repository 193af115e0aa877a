"""A fair queue for expensive work: round robin over callers, one task of each at a time, one slot for cheap work."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import NamedTuple

from backend.core.http.errors import Busy

WAIT_SECONDS = 10.0
MAX_WAITING_PER_CALLER = 4  # an agent may photograph three labels at once
MAX_WAITING_BYTES = 2**27
# A caller whose work took COSTLY_SECONDS more than usual in the last minute leaves one slot to the others.
USUAL_SECONDS = 0.3
COSTLY_SECONDS, COSTLY_WINDOW = 1.0, 60.0
MAX_REMEMBERED = 10_000


class _Waiter(NamedTuple):
    place: asyncio.Future[None]
    size: int
    is_costly: bool


class FairQueue:
    """Slots for work, given to callers round robin."""

    def __init__(self, *, places: int, waiting: int, busy: type[Busy]) -> None:
        """`places`: slots. `waiting`: the length of the queue; callers beyond it get `busy`."""
        self._busy = busy
        self._places = places
        self._free = places
        self._queue_space = waiting
        self._bytes = 0
        self._waiting: OrderedDict[Hashable, deque[_Waiter]] = OrderedDict()
        self._working: set[Hashable] = set()
        self._spent: OrderedDict[Hashable, tuple[float, float]] = (
            OrderedDict()
        )  # seconds beyond everyday, and since when

    @asynccontextmanager
    async def place(self, caller: Hashable, size: int = 0, *, is_costly: bool = False) -> AsyncIterator[None]:
        """A slot for work on `size` bytes. Work that is expected to be costly leaves one slot to others.

        Raises:
            Busy: the queue is full, the caller has too many tasks in it, or the wait was too long.
        """
        if self._may_begin(caller, is_costly=is_costly) and caller not in self._waiting:
            self._take_place(caller)
        else:
            await self._wait_for_place(caller, size, is_costly=is_costly)
        try:
            yield
        finally:
            self._free_place(caller)

    def spend(self, caller: Hashable, seconds: float) -> None:
        """Record the seconds of a caller's work beyond the usual, for a minute."""
        excess = seconds - USUAL_SECONDS
        if excess <= 0:
            return
        spent, since = self._spent.pop(caller, (0.0, 0.0))
        now = time.monotonic()
        self._spent[caller] = (spent + excess, since) if now - since < COSTLY_WINDOW else (excess, now)
        if len(self._spent) > MAX_REMEMBERED:
            self._spent.popitem(last=False)

    def _is_costly(self, caller: Hashable) -> bool:
        spent, since = self._spent.get(caller, (0.0, 0.0))
        return spent > COSTLY_SECONDS and time.monotonic() - since < COSTLY_WINDOW

    def _may_begin(self, caller: Hashable, *, is_costly: bool) -> bool:
        needed = 2 if self._places > 1 and (is_costly or self._is_costly(caller)) else 1
        return self._free >= needed and caller not in self._working

    def _take_place(self, caller: Hashable) -> None:
        self._free -= 1
        self._working.add(caller)

    def _free_place(self, caller: Hashable) -> None:
        """Release a slot. The caller's next task comes after those of all others."""
        self._working.discard(caller)
        self._free += 1
        if caller in self._waiting:
            self._waiting.move_to_end(caller)
        self._give_places()

    async def _wait_for_place(self, caller: Hashable, size: int, *, is_costly: bool) -> None:
        self._ensure_queue_space(caller, size)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), size, is_costly)
        self._waiting.setdefault(caller, deque()).append(waiter)
        self._queue_space -= 1
        self._bytes += size
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await waiter.place
        except TimeoutError as error:
            self._leave_queue(caller, waiter)
            raise self._busy(retry_after=1) from error
        except asyncio.CancelledError:
            self._leave_queue(caller, waiter)
            raise

    def _ensure_queue_space(self, caller: Hashable, size: int) -> None:
        """If the queue is full, reject one task: the last of the caller that has most, or this one.

        Raises:
            Busy: this one is rejected.
        """
        mine = len(self._waiting.get(caller, ()))
        if mine >= MAX_WAITING_PER_CALLER:
            raise self._busy(retry_after=1)
        while self._queue_space <= 0 or self._bytes + size > MAX_WAITING_BYTES:
            other = max(self._waiting, key=self._waiting_order, default=None)
            if other is None or self._waiting_order(other) <= (self._is_costly(caller), mine + 1):
                raise self._busy(retry_after=1)
            last = self._waiting[other][-1]
            self._remove_waiter(other, last)
            last.place.set_exception(self._busy(retry_after=1))

    def _waiting_order(self, caller: Hashable) -> tuple[bool, int]:
        return self._is_costly(caller), len(self._waiting[caller])

    def _give_places(self) -> None:
        for caller in list(self._waiting):
            if self._free <= 0:
                return
            waiter = self._waiting[caller][0]
            if self._may_begin(caller, is_costly=waiter.is_costly):
                self._remove_waiter(caller, waiter)
                self._take_place(caller)
                waiter.place.set_result(None)

    def _remove_waiter(self, caller: Hashable, waiter: _Waiter) -> None:
        waiters = self._waiting[caller]
        waiters.remove(waiter)
        self._queue_space += 1
        self._bytes -= waiter.size
        if not waiters:
            del self._waiting[caller]

    def _leave_queue(self, caller: Hashable, waiter: _Waiter) -> None:
        """Leave the queue; release the slot if it was given in the same moment."""
        if waiter in self._waiting.get(caller, ()):
            self._remove_waiter(caller, waiter)
        elif waiter.place.done() and not waiter.place.cancelled() and waiter.place.exception() is None:
            self._free_place(caller)
