"""A worker in this process, for a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from backend import worker
from backend.core.settings import Settings


@asynccontextmanager
async def working(settings: Settings, count: int = 1) -> AsyncIterator[None]:
    """Workers for as long as the block lasts; they must end in order."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(worker.work(settings, stop)) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 15)


async def until(read: Callable[[], Awaitable[Any]], seconds: float = 15) -> Any:
    """The final value."""
    async with asyncio.timeout(seconds):
        while True:
            if seen := await read():
                return seen
            await asyncio.sleep(0.02)
