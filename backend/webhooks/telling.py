"""How the worker turns new events into deliveries, in their order and each once."""

import structlog
from sqlalchemy import text

from backend import jobs
from backend.database import Database
from backend.webhooks import horizon, sending
from backend.webhooks.kinds import KINDS

log = structlog.get_logger("scanback")

READER = "webhooks"
PORTION = 5000  # events
BEGIN = text("INSERT INTO event_marks (reader, upto) VALUES (:reader, 0) ON CONFLICT DO NOTHING")
NEW = text("""
    SELECT coalesce((SELECT upto FROM event_marks WHERE reader = :reader), 0)
        < (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq) AS are_there
""")
# Whoever else is at it has the row: then there is nothing to do here.
MARK = text("SELECT upto FROM event_marks WHERE reader = :reader FOR UPDATE SKIP LOCKED")
END = text("""
    SELECT CASE WHEN count(*) = :most THEN max(id) END FROM (
        SELECT id FROM events WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS portion
""")
TELL = text("""
    INSERT INTO webhook_deliveries (brand_id, endpoint_id, event_id, message)
    SELECT e.brand_id, p.id, e.id, gen_random_uuid()
    FROM events e JOIN webhook_endpoints p ON p.brand_id = e.brand_id
    WHERE e.id > :after AND e.id <= :upto AND e.kind = ANY(:kinds)
        AND (p.kinds = '{}' OR e.kind = ANY(p.kinds)) AND p.disabled_at IS NULL AND e.at >= p.created_at
    ORDER BY e.id
    ON CONFLICT DO NOTHING RETURNING 1
""")
MOVE = text("UPDATE event_marks SET upto = :upto WHERE reader = :reader")


@jobs.task("webhooks", cron="* * * * * */2")
async def tell(*, db: Database) -> None:
    """Make deliveries of what happened since the last time."""
    if not (await db.call(NEW, reader=READER)).are_there:
        return
    upto = await horizon.safe(db)
    if upto is None:
        log.warning("events_still_open")  # whoever writes one and does not end holds up all
        return
    await db.rows(BEGIN, reader=READER)
    while await portion(db, upto):
        pass


async def portion(db: Database, horizon: int) -> bool:
    """Make deliveries of the next events up to a safe id, and move the mark in the same transaction.

    Returns whether there may be more.
    """
    async with db.begin() as session:
        after = await session.scalar(MARK, {"reader": READER})
        if after is None or after >= horizon:
            return False
        reach = {"after": after, "upto": horizon}
        end: int | None = await session.scalar(END, reach | {"most": PORTION})
        upto = end or horizon
        made = await session.execute(TELL, {"after": after, "upto": upto, "kinds": list(KINDS)})
        await session.execute(MOVE, {"reader": READER, "upto": upto})
        if made.first():
            await jobs.enqueue(session, sending.send_due)
        return end is not None
