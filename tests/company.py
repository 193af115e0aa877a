"""Letting deeds gather, so that they go together."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from httpx2 import Response
from sqlalchemy import text

from backend.database import Database
from backend.together import Together

LOCK = text("""
    SELECT pg_advisory_xact_lock(20311, (id % 2147483647)::int) FROM accounts WHERE card_number = :card
""")

TOLD = text("SELECT pg_stat_force_next_flush(), pg_sleep(0.05)")
# Those that a list of deeds is joined with; others are read by what tests do themselves, or by plans that others made.
SCANS = text("""
    SELECT relname AS name, seq_scan AS times FROM pg_stat_user_tables WHERE relname IN ('scans', 'sales')
""")


async def read_whole(db: Database) -> dict[str, int]:
    """How often each table was read whole by now, as far as this process did it."""
    await asyncio.gather(*(db.rows(TOLD) for _ in range(db.pool.max_size)))
    return {row.name: row.times for row in await db.rows(SCANS)}


async def in_company(deeds: Together[Any, Any], *sent: Coroutine[Any, Any, Response]) -> list[asyncio.Task[Response]]:
    """Send requests whose deeds go as one: the runs are held back until all of them wait."""
    free, deeds._free = deeds._free, 0
    tasks = [asyncio.create_task(one) for one in sent]
    async with asyncio.timeout(10):
        while deeds.waiting < len(sent):  # noqa: ASYNC110 - others count them
            await asyncio.sleep(0.01)
    deeds._free = free - 1
    run = asyncio.create_task(deeds._work())
    deeds._runs.add(run)
    run.add_done_callback(deeds._runs.discard)
    return tasks
