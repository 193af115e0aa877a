"""How far the events may be read: up to an id below which nobody can add any more."""

import asyncio
import time

from sqlalchemy import text

from backend.database import Database

WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.05
LAST_ID = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM events_id_seq")
WRITERS = text("""
    SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') AS transactions FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


async def safe(db: Database, *, wait_seconds: float = WAIT_SECONDS) -> int | None:
    """The last id drawn so far, as soon as whoever drew an id up to it is over; None if that takes too long.

    An insert locks the table before it draws an id, and until its transaction ends. So: look at the last id drawn,
    then at who writes to the table; when these are gone, no lower id can be added. (A comparison of transaction
    numbers, as for the seals, would miss an insert that has drawn its id and not yet its number.)
    """
    deadline = time.monotonic() + wait_seconds
    last: int = (await db.call(LAST_ID)).id
    open_then = set((await db.call(WRITERS)).transactions)
    while open_then:
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(LOOK_SECONDS)
        open_then &= set((await db.call(WRITERS)).transactions)
    return last
