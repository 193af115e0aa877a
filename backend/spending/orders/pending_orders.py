"""Pending orders: agents can cancel them, staff are reminded, and each has a deadline."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import jobs
from backend.core.db.database import Database
from backend.core.http.errors import Conflict
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent
from backend.programmes.models import Programme
from backend.spending.models import Order
from backend.spending.order_rows import OrderRow
from backend.spending.orders import service as orders
from backend.spending.orders import transitions
from backend.spending.orders.transitions import OrderEnd
from backend.spending.schemas import is_cancellable

log = structlog.get_logger("scanback")

BATCH_ROWS = 100
MIN_DAYS_LEFT = timedelta(days=3)
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
OVERDUE_ORDERS = text("""
    SELECT id, state, for_person, unknown, due_at, delivery FROM orders
    WHERE for_person AND state = 'held' AND decide_by <= now() AND id > :after ORDER BY id LIMIT :most
""")


class PendingOrderEnd(StrEnum):
    """What the end of a pending order without a decision did. `same`: it ended for this reason before."""

    ENDED = "ended"
    SAME = "same"
    CONFLICT = "conflict"


class OrderCancelConflict(Conflict):
    """This order cannot be cancelled any more: it is done, on its way, or a supplier may have sold it."""

    code = "order_cancel_conflict"


async def cancel_order(session: AsyncSession, agent: Agent, key: UUID) -> OrderRow:
    """End an order that waits for staff and release its money; a retry is harmless. Returns the order's row.

    Raises:
        OrderNotFound: the account has none with this id. OrderCancelConflict: it does not wait only for staff.
    """
    row = await orders.order_in_session(session, agent.account_id, key)
    if await end_pending_order(session, row.id, "cancelled") is PendingOrderEnd.CONFLICT:
        raise OrderCancelConflict
    return await orders.order_in_session(session, agent.account_id, key)


async def end_pending_order(session: AsyncSession, order_id: int, reason: str) -> PendingOrderEnd:
    """End an order that waits only for staff, and release its money."""
    order = await transitions.lock_order(session, order_id)
    if order.state == "refused" and order.reason == reason:
        return PendingOrderEnd.SAME
    if not is_cancellable(order):
        return PendingOrderEnd.CONFLICT
    programme = await session.get_one(Programme, order.programme_id)
    today = datetime.now(ZoneInfo(programme.timezone)).date()
    await transitions.end_order(session, order, OrderEnd(done=False, reason=reason), today)
    return PendingOrderEnd.ENDED


@jobs.task("upkeep", cron="* * * * *")
async def watch_waiting_orders(*, db: Database, settings: Settings) -> None:
    """Set deadlines of pending orders, remind staff, and end overdue orders."""
    now = datetime.now(UTC)
    async with db.begin() as session:
        await set_deadlines(session, timedelta(days=settings.numbers.at("order_wait_days", now.date())), now)
    while await db.rows(REMIND_STAFF, days=settings.numbers.at("order_reminder_days", now.date()), most=BATCH_ROWS):
        pass
    await end_overdue_orders(db)


async def set_deadlines(session: AsyncSession, wait: timedelta, now: datetime) -> None:
    """Set the deadline of pending orders without one. Orders placed before deadlines existed get some days from now."""
    without = select(Order).where(Order.for_person, Order.decide_by.is_(None)).order_by(Order.id)
    for order in await session.scalars(without.with_for_update(skip_locked=True)):
        if is_cancellable(order):
            order.decide_by = max(order.placed_at + wait, now + MIN_DAYS_LEFT)


async def end_overdue_orders(db: Database) -> None:
    """End overdue orders, each in its own transaction. Goods on their way may pass their deadline and stay held."""
    after = 0
    while rows := await db.rows(OVERDUE_ORDERS, after=after, most=BATCH_ROWS):
        after = rows[-1].id
        for order_id in [row.id for row in rows if is_cancellable(row)]:
            outcome = await db.transaction(partial(end_pending_order, order_id=order_id, reason="overdue"))
            log.info("order_overdue", order=order_id, outcome=outcome)
