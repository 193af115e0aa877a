"""Sending requests whose operations share one batch."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from httpx2 import Response
from sqlalchemy import text

from backend.core.db.batching import Batcher
from backend.core.db.database import Database

LOCK_ACCOUNT = text("""
    SELECT pg_advisory_xact_lock(20311, (id % 2147483647)::int) FROM accounts WHERE card_number = :card
""")

FLUSH_STATISTICS = text("SELECT pg_stat_force_next_flush(), pg_sleep(0.05)")
# Tables that the input of a batch is joined with. The tests and cached plans of others scan further tables.
SEQUENTIAL_SCANS = text("""
    SELECT relname AS name, seq_scan AS times FROM pg_stat_user_tables WHERE relname IN ('scans', 'sales')
""")


async def sequential_scans(db: Database) -> dict[str, int]:
    """The number of sequential scans of each table so far, as far as this process made them."""
    await asyncio.gather(*(db.rows(FLUSH_STATISTICS) for _ in range(db.pool.max_size)))
    return {row.name: row.times for row in await db.rows(SEQUENTIAL_SCANS)}


async def send_in_one_batch(
    batcher: Batcher[Any, Any], *requests: Coroutine[Any, Any, Response]
) -> list[asyncio.Task[Response]]:
    """Send requests, and start their batch when the operations of all are pending."""
    batcher.hold()
    tasks = [asyncio.create_task(request) for request in requests]
    async with asyncio.timeout(10):
        while batcher.pending < len(requests):  # noqa: ASYNC110 - other tasks change it
            await asyncio.sleep(0.01)
    batcher.release()
    return tasks
