"""The watermark of events: an id below which no open transaction can still add an event."""

import asyncio
import time

from sqlalchemy import text

from backend.core.db.database import Database

WAIT_SECONDS = 5.0
POLL_SECONDS = 0.05
LAST_ID = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM events_id_seq")
WRITERS = text("""
    SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') AS transactions FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


async def safe_event_id(db: Database, *, wait_seconds: float = WAIT_SECONDS) -> int | None:
    """The last id drawn from the sequence, once all transactions that may hold an id up to it have ended.

    Returns None if that takes longer than `wait_seconds`.

    An insert locks the table before it draws an id, until its transaction ends. So the function reads the last id
    drawn, then the transactions that hold the lock, and waits until these have ended: no lower id can be added after
    that. (Comparing transaction ids, as checkpoints do, would miss an insert that has drawn an event id but has no
    transaction id yet.)
    """
    deadline = time.monotonic() + wait_seconds
    last: int = (await db.call(LAST_ID)).id
    open_writers = set((await db.call(WRITERS)).transactions)
    while open_writers:
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(POLL_SECONDS)
        open_writers &= set((await db.call(WRITERS)).transactions)
    return last
