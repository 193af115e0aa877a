"""Pending orders: agents can cancel them, staff are reminded, and each has a deadline."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from backend.core.db import jobs
from backend.core.db.database import Database
from backend.core.http.errors import Conflict
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent
from backend.spending.orders import service as orders

log = structlog.get_logger("scanback")

BATCH_ROWS = 100
END_PENDING_ORDER = text("SELECT orders_end_waiting(:order, :reason) AS outcome")
# Orders placed before deadlines existed get some days from now.
SET_DEADLINE = text("""
    UPDATE orders o SET decide_by = greatest(o.placed_at + :wait_days * interval '1 day', now() + interval '3 days')
    WHERE o.for_person AND o.decide_by IS NULL AND orders_is_cancellable(o)
""")
REMIND_STAFF = text("""
    WITH due AS (
        SELECT id FROM orders WHERE for_person AND state = 'held'
            AND coalesce(reminded_at, placed_at) <= now() - :days * interval '1 day'
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    ), reminded AS (UPDATE orders o SET reminded_at = now() FROM due WHERE o.id = due.id RETURNING o.*)
    INSERT INTO events (brand_id, kind, body)
    SELECT t.brand_id, 'order.waiting', jsonb_strip_nulls(jsonb_build_object('order', t.id, 'offer', f.key,
        'nominal', t.nominal, 'placed_at', t.placed_at, 'decide_by', t.decide_by))
    FROM reminded t JOIN offers f ON f.id = t.offer_id ORDER BY t.id RETURNING 1
""")
# Goods on their way may pass their deadline and stay held: they must not fill the batch for ever.
OVERDUE_ORDERS = text("""
    SELECT id FROM orders o WHERE for_person AND state = 'held' AND decide_by <= now() AND orders_is_cancellable(o)
    ORDER BY id LIMIT :most
""")


class OrderCancelConflict(Conflict):
    """This order cannot be cancelled any more: it is done, on its way, or a supplier may have sold it."""

    code = "order_cancel_conflict"


async def cancel_order(db: Database, agent: Agent, key: UUID) -> Any:
    """End an order that waits for staff and release its money; a retry is harmless. Returns the order's row.

    Raises:
        OrderNotFound: the account has none with this id. OrderCancelConflict: it does not wait only for staff.
    """
    row = await orders.order_by_key(db, agent.account_id, key)
    if (await db.call(END_PENDING_ORDER, order=row.id, reason="cancelled")).outcome == "conflict":
        raise OrderCancelConflict
    return await orders.order_by_key(db, agent.account_id, key)


@jobs.task("upkeep", cron="* * * * *")
async def watch_waiting_orders(*, db: Database, settings: Settings) -> None:
    """Set deadlines of pending orders, remind staff, and end overdue orders."""
    today = datetime.now(UTC).date()
    await db.rows(SET_DEADLINE, wait_days=settings.numbers.at("order_wait_days", today))
    while await db.rows(REMIND_STAFF, days=settings.numbers.at("order_reminder_days", today), most=BATCH_ROWS):
        pass
    for row in await db.rows(OVERDUE_ORDERS, most=BATCH_ROWS):
        outcome = (await db.call(END_PENDING_ORDER, order=row.id, reason="overdue")).outcome
        log.info("order_overdue", order=row.id, outcome=outcome)
