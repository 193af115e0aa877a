"""The worker's part of orders: calls suppliers with no transaction open, and never buys twice.

As long as the outcome of an order is unknown, it is retried under its own number. Another supplier is tried only when
this one certainly did not sell. An outcome that is still unknown after a quarter of an hour is decided by staff.
"""

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import jobs, leases, rate_limits
from backend.core.db.database import Database
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.spending.orders import transitions
from backend.spending.orders.service import code_owner
from backend.spending.orders.supplier_clients import SupplierClients
from backend.spending.orders.transitions import OrderEnd
from payouts.partners.supplier import PurchaseRequest, PurchaseResult

log = structlog.get_logger("scanback")

# Seconds until the next call, by the number of tries; the sum stays below MAX_SUPPLIER_SECONDS.
RETRY_SCHEDULE_SECONDS = (1, 2, 5, 10, 20, 40, 60, 120, 120, 120, 120, 120)
# A call that was cut off may still be in flight at the supplier: "not found" is proof only after this time.
LOOKUP_PROOF_SECONDS = 60
MAX_SUPPLIER_SECONDS = 840  # then staff decide: the agent was promised a quarter of an hour

LEASE_ORDERS = text("""
    WITH due AS (
        SELECT id FROM orders WHERE due_at <= now() ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    UPDATE orders o SET due_at = now() + :lease * interval '1 second', tries = o.tries + 1
    FROM due, offers f, programmes g WHERE o.id = due.id AND f.id = o.offer_id AND g.id = o.programme_id
    RETURNING o.id, o.account_id, o.key, o.nominal, o.tries, o.supplier, o.unknown, o.placed_at, o.due_at, f.suppliers,
        f.valid_days, g.timezone
""")
# From the call on the order may have been purchase, whatever happens to this process.
MARK_CALL_STARTED = text(
    "UPDATE orders SET unknown = true WHERE id = :id AND state = 'held' AND due_at = :claimed RETURNING id"
)
SCHEDULE_RETRY = text("""
    UPDATE orders SET due_at = now() + :wait * interval '1 second', supplier = :supplier, unknown = :unknown
    WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
# No permit: it does not count as a try. The jitter spreads orders that wait for the same permit.
WAIT_FOR_PERMIT = text("""
    UPDATE orders SET due_at = greatest(:again_at, now()) + (0.1 + random()) * interval '1 second', tries = tries - 1
    WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
HAND_TO_STAFF = text("""
    UPDATE orders SET for_person = true, due_at = NULL WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
INSERT_ATTEMPT = text("""
    INSERT INTO order_tries (order_id, supplier, result, code, http, milliseconds)
    VALUES (:order, :supplier, :result, :code, :http, :milliseconds)
""")

_single_run = leases.SingleRun()


class DueOrder(NamedTuple):
    """An order with a lease, which ends at `due_at`. In the order of the columns of LEASE_ORDERS."""

    id: int
    account_id: int
    key: UUID
    nominal: int
    tries: int
    supplier: int
    unknown: bool
    placed_at: datetime
    due_at: datetime
    suppliers: list[dict[str, str]]
    valid_days: int | None
    timezone: str


class FulfilmentContext(msgspec.Struct, frozen=True):
    """The dependencies of the fulfilment task."""

    db: Database
    settings: Settings
    suppliers: SupplierClients


@jobs.task("orders", cron="* * * * * *")
async def fulfil_due(*, context: FulfilmentContext) -> None:
    """Fulfil due orders. One run a process is enough: it also leases orders that become due meanwhile."""
    await _single_run.start(partial(fulfil_due_orders, context))


async def fulfil_due_orders(context: FulfilmentContext) -> None:
    """Fulfil what is due."""

    async def lease_due(limit: int, _running: Collection[DueOrder]) -> list[DueOrder]:
        rows = await context.db.rows(LEASE_ORDERS, most=limit, lease=context.suppliers.lease)
        return [DueOrder(*row) for row in rows]

    work = leases.LeasedWork(lease_due, partial(fulfil_order, context), "order_failed", lambda row: {"order": row.id})
    await work.run()


async def fulfil_order(context: FulfilmentContext, row: DueOrder) -> None:
    """Move one order a step further: done, refused, scheduled for a retry, or handed to staff."""
    if row.tries > 1 and _age(row) > MAX_SUPPLIER_SECONDS:
        await context.db.rows(HAND_TO_STAFF, id=row.id, claimed=row.due_at)
        return
    if row.supplier >= len(row.suppliers):
        await _end_order(context, row, PurchaseResult("refused", reason="supplier_refused"), "")
        return
    name, product = row.suppliers[row.supplier]["name"], row.suppliers[row.supplier]["product"]
    permit = await context.suppliers.permit(name)
    if isinstance(permit, datetime):
        await context.db.rows(WAIT_FOR_PERMIT, id=row.id, again_at=permit, claimed=row.due_at)
        return
    try:
        if row.unknown or await context.db.rows(MARK_CALL_STARTED, id=row.id, claimed=row.due_at):
            request = PurchaseRequest(supplier_reference(row.id, row.key), product, row.nominal)
            purchase = await _buy(context, row, name, request)
            await _apply_result(context, row, name, request, purchase)
    finally:
        await rate_limits.release_permit(context.db, permit)


def supplier_reference(order_id: int, key: UUID) -> str:
    """The order's number for suppliers: with its UUID, because other installations also count from one."""
    return f"{order_id}-{key.hex}"


async def _buy(context: FulfilmentContext, row: DueOrder, name: str, request: PurchaseRequest) -> PurchaseResult:
    """Buy under the order's own number, so that a retry gets the first purchase."""
    started_at = time.monotonic()
    purchase = await context.suppliers.of(name).place_order(request)
    elapsed_ms = round((time.monotonic() - started_at) * 1000)
    await context.db.rows(
        INSERT_ATTEMPT,
        order=row.id,
        supplier=name,
        result=purchase.result,
        code=purchase.reason[:60],
        http=purchase.http,
        milliseconds=elapsed_ms,
    )
    log.info("order_asked", order=row.id, supplier=name, result=purchase.result, ms=elapsed_ms)
    return purchase


async def _apply_result(
    context: FulfilmentContext, row: DueOrder, name: str, request: PurchaseRequest, purchase: PurchaseResult
) -> None:
    if purchase.result == "sold":
        await _end_order(context, row, purchase, name)
    elif purchase.result == "refused" and not row.unknown:
        await _schedule(context.db, row, wait=0, supplier=row.supplier + 1, unknown=False)
    elif purchase.result == "refused":
        # The outcome of an earlier call is unknown: only a lookup after a pause is proof.
        await asyncio.sleep(context.suppliers.pause(name))
        found_order = await context.suppliers.of(name).find_order(request)
        if found_order.result == "refused" and _age(row) > LOOKUP_PROOF_SECONDS:
            await _schedule(context.db, row, wait=0, supplier=row.supplier + 1, unknown=False)
        elif found_order.result == "sold":
            await _end_order(context, row, found_order, name)
        else:
            await _retry(context.db, row, unknown=True)
    elif purchase.result == "busy":
        await _retry(context.db, row, unknown=row.unknown, min_seconds=purchase.retry_after or 0)
    else:
        await _retry(context.db, row, unknown=True)


async def _retry(db: Database, row: DueOrder, *, unknown: bool, min_seconds: int = 0) -> None:
    """Schedule a retry, or hand the order to staff before the quarter of an hour is over."""
    wait = max(min_seconds, RETRY_SCHEDULE_SECONDS[min(row.tries, len(RETRY_SCHEDULE_SECONDS)) - 1])
    if _age(row) + wait > MAX_SUPPLIER_SECONDS:
        await db.rows(HAND_TO_STAFF, id=row.id, claimed=row.due_at)
    else:
        await _schedule(db, row, wait=wait, supplier=row.supplier, unknown=unknown)


def _age(row: DueOrder) -> float:
    return float((datetime.now(UTC) - row.placed_at).total_seconds())


async def _schedule(db: Database, row: DueOrder, *, wait: float, supplier: int, unknown: bool) -> None:
    await db.rows(SCHEDULE_RETRY, id=row.id, wait=wait, supplier=supplier, unknown=unknown, claimed=row.due_at)


async def _end_order(context: FulfilmentContext, row: DueOrder, purchase: PurchaseResult, name: str) -> None:
    today = datetime.now(ZoneInfo(row.timezone)).date()
    done = purchase.result == "sold"
    secret = (
        gift_card_codes.seal(context.settings, code_owner(row.account_id, row.key), purchase.code) if done else None
    )
    end = OrderEnd(
        done=done,
        reason=None if done else "supplier_refused",
        secret=secret,
        supplier=name or None,
        supplier_reference=purchase.reference[:120] or None,
        valid_until=purchase.valid_until,
    )

    async def end_order(session: AsyncSession) -> None:
        order = await transitions.lock_order(session, row.id)
        await transitions.end_order(session, order, end, today)

    await context.db.transaction(end_order)
