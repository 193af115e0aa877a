"""Fan-out: the worker makes deliveries of new events, in order and once per event and endpoint."""

import structlog
from sqlalchemy import text

from backend.core.db import jobs
from backend.core.db.database import Database
from backend.notifications.webhooks import event_watermark, sender
from backend.notifications.webhooks.event_kinds import KINDS

log = structlog.get_logger("scanback")

READER = "webhooks"
BATCH = 5000  # events
CREATE_MARK = text("INSERT INTO event_marks (reader, upto) VALUES (:reader, 0) ON CONFLICT DO NOTHING")
HAS_NEW_EVENTS = text("""
    SELECT coalesce((SELECT upto FROM event_marks WHERE reader = :reader), 0)
        < (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq) AS are_there
""")
# Another worker that fans out holds the row; then there is nothing to do.
LOCK_MARK = text("SELECT upto FROM event_marks WHERE reader = :reader FOR UPDATE SKIP LOCKED")
LAST_OF_BATCH = text("""
    SELECT CASE WHEN count(*) = :most THEN max(id) END FROM (
        SELECT id FROM events WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS portion
""")
INSERT_DELIVERIES = text("""
    INSERT INTO webhook_deliveries (brand_id, endpoint_id, event_id, message)
    SELECT e.brand_id, p.id, e.id, gen_random_uuid()
    FROM events e JOIN webhook_endpoints p ON p.brand_id = e.brand_id
    WHERE e.id > :after AND e.id <= :upto AND e.kind = ANY(:kinds)
        AND (p.kinds = '{}' OR e.kind = ANY(p.kinds)) AND p.disabled_at IS NULL AND e.at >= p.created_at
    ORDER BY e.id
    ON CONFLICT DO NOTHING RETURNING 1
""")
MOVE_MARK = text("UPDATE event_marks SET upto = :upto WHERE reader = :reader")


@jobs.task("webhooks", cron="* * * * * */2")
async def tell(*, db: Database) -> None:
    """Make deliveries of the events since the last run."""
    if not (await db.call(HAS_NEW_EVENTS, reader=READER)).are_there:
        return
    upto = await event_watermark.safe_event_id(db)
    if upto is None:
        log.warning("events_still_open")  # a long transaction that writes an event delays all deliveries
        return
    await db.rows(CREATE_MARK, reader=READER)
    while await fan_out_batch(db, upto):
        pass


async def fan_out_batch(db: Database, watermark: int) -> bool:
    """Make deliveries of the next events up to the watermark, and move the mark in the same transaction.

    Returns whether there may be more events.
    """
    async with db.begin() as session:
        after = await session.scalar(LOCK_MARK, {"reader": READER})
        if after is None or after >= watermark:
            return False
        reach = {"after": after, "upto": watermark}
        end: int | None = await session.scalar(LAST_OF_BATCH, reach | {"most": BATCH})
        upto = end or watermark
        made = await session.execute(INSERT_DELIVERIES, {"after": after, "upto": upto, "kinds": list(KINDS)})
        await session.execute(MOVE_MARK, {"reader": READER, "upto": upto})
        if made.first():
            await jobs.enqueue(session, sender.send_due)
        return end is not None
