"""Separate threads for calls that may hang, so that a hanging call blocks no other work."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import ParamSpec, TypeVar

from backend.core.http.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few threads and a short queue of calls. Further calls get Busy."""

    def __init__(self, name: str, most: int, waiting: int) -> None:
        self.most = most
        self.under_way = 0
        self._counting = Lock()
        self._capacity = BoundedSemaphore(most + waiting)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call in one of the threads. Cancellation does not end it: its slot is free when it has ended.

        Raises:
            Busy: all threads are busy and the queue is full.
        """
        if not self._capacity.acquire(blocking=False):
            raise Busy(retry_after=5)
        with self._counting:
            self.under_way += 1
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except RuntimeError:
            self._finish(None)
            raise
        future.add_done_callback(self._finish)
        return await asyncio.wrap_future(future)

    def _finish(self, _: Future[T] | None) -> None:
        with self._counting:
            self.under_way -= 1
        self._capacity.release()

    def close(self) -> None:
        """Shut the threads down without waiting; a hanging call ends with its own timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)
