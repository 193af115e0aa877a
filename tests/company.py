"""Keeping a process busy, so that what is sent next goes together."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from httpx2 import Response
from litestar import Litestar
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from tests.make import World

LOCK = text("""
    SELECT pg_advisory_xact_lock(20311, (id % 2147483647)::int) FROM accounts WHERE card_number = :card
""")
Send = Callable[[], Coroutine[Any, Any, Response]]


async def in_company(
    app: Litestar, world: World, busy: AccountNew, block: Send, sent: Sequence[Coroutine[Any, Any, Response]]
) -> list[asyncio.Task[Response]]:
    """Send what is to go as one: `block` sends deeds of the busy account, which wait for its lock, until all wait."""
    db = app.state["db"]
    held = []
    async with world.db.begin() as session:
        await session.execute(LOCK, {"card": busy.card_number})
        for _ in range(db.pool.max_size // 2):
            held.append(asyncio.create_task(block()))
            await asyncio.sleep(0.05)  # each by itself
        tasks = [asyncio.create_task(one) for one in sent]
        async with asyncio.timeout(5):
            while sum(deeds.waiting for deeds in db.gathering) < len(sent):  # noqa: ASYNC110 - others count them
                await asyncio.sleep(0.01)
    assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}
    return tasks
