"""Orders for staff: the queue of pending orders, decisions about them, and the delivery of goods."""

import hmac
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, DomainError, Invalid, NotFound
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.identity.approvals import service as approvals
from backend.identity.brands.authentication import Member
from backend.spending.orders.decision_schemas import DeliveryIn, OrderDecisionIn, OrderKept, OrderStepOut, OrderTryOut
from backend.spending.orders.service import code_owner

OrderStateFilter = Literal["waiting", "held", "done", "refused"]

_COLUMNS = """
    SELECT o.*, orders_at_limit(o) AS at_limit, a.card_number AS card, f.key AS offer, f.name_ru, f.kind, f.fulfilment,
        f.valid_days, g.currency, g.timezone, p.sku AS unit_sku, u.at AS unit_at
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    JOIN accounts a ON a.id = o.account_id
    LEFT JOIN accruals u ON u.cause = o.unit_cause AND u.cause_id = o.unit_cause_id
    LEFT JOIN products p ON p.id = u.product_id WHERE o.brand_id = :brand
"""
PENDING_ORDERS = text(f"{_COLUMNS} AND o.for_person AND o.id > :place ORDER BY o.id LIMIT :most")
ORDER_PAGE = text(f"""
    {_COLUMNS} AND o.id < :place AND (CAST(:state AS text) IS NULL OR o.state = :state)
    ORDER BY o.id DESC LIMIT :most
""")
ORDER_BY_ID = text(f"{_COLUMNS} AND o.id = :order")
STEPS = text("""
    SELECT s.action, m.email, s.at, s.note FROM order_steps s JOIN staff m ON m.id = s.staff_id
    WHERE s.order_id = :order AND s.brand_id = :brand ORDER BY s.id
""")
ATTEMPTS = text("SELECT supplier, result, code, at FROM order_tries WHERE order_id = :order ORDER BY id")
DECIDE_ORDER = text("""
    SELECT orders_decide(:brand, :staff, :order, :action, :note, :digest, :secret, :code, :valid_until, :today)
""")
UPDATE_DELIVERY = text("SELECT orders_deliver(:brand, :staff, :order, :delivery, :place, :today)")


class BrandOrderNotFound(NotFound):
    """Your brand has no such order."""

    code = "order_not_kept"


class OrderNotPending(Conflict):
    """This order does not wait for a decision."""

    code = "order_not_waiting"


class OrderAlreadyDecided(Conflict):
    """Another decision was made about this order."""

    code = "order_decided"


class OrderAtLimit(Conflict):
    """This order waits at a legal limit. Allow it first, or turn it down."""

    code = "order_at_limit"


class CodeRequired(Invalid):
    """An order from a supplier has a code: send it with the decision."""

    code = "code_missing"


class OrderWithoutDelivery(Conflict):
    """This order has no delivery: it is not for goods."""

    code = "nothing_to_deliver"


class DeliveryEnded(Conflict):
    """These goods were delivered, or the order was turned down."""

    code = "delivery_ended"


REFUSALS: dict[str, type[DomainError]] = {
    "unknown": BrandOrderNotFound,
    "not_waiting": OrderNotPending,
    "decided": OrderAlreadyDecided,
    "at_limit": OrderAtLimit,
    "code_missing": CodeRequired,
    "no_delivery": OrderWithoutDelivery,
    "ended": DeliveryEnded,
}


async def order_page(
    session: AsyncSession, member: Member, state: OrderStateFilter | None, place: int | None, most: int
) -> list[Any]:
    """A page of the brand's orders: pending ones oldest first, all others newest first."""
    values: dict[str, Any] = {"brand": member.brand_id, "most": most}
    if state == "waiting":
        return list(await session.execute(PENDING_ORDERS, values | {"place": place or 0}))
    return list(
        await session.execute(ORDER_PAGE, values | {"place": 2**62 if place is None else place, "state": state})
    )


async def order_details(session: AsyncSession, member: Member, order: int) -> OrderKept:
    """An order with its steps and supplier attempts.

    Raises:
        BrandOrderNotFound: the brand has none with this number.
    """
    row = await _row(session, member, order)
    steps = await session.execute(STEPS, {"order": row.id, "brand": member.brand_id})
    attempts = await session.execute(ATTEMPTS, {"order": row.id})
    return OrderKept.of(
        row,
        [OrderStepOut(step.action, step.email, step.at, step.note) for step in steps],
        [OrderTryOut(attempt.supplier, attempt.result, attempt.at, attempt.code) for attempt in attempts],
    )


async def _row(session: AsyncSession, member: Member, order: int) -> Any:
    row = (await session.execute(ORDER_BY_ID, {"brand": member.brand_id, "order": order})).one_or_none()
    if row is None:
        raise BrandOrderNotFound
    return row


async def decide_order(
    session: AsyncSession, settings: Settings, member: Member, order: int, new: OrderDecisionIn, now: datetime
) -> OrderKept:
    """Decide about an order, once; a retry is harmless, from any member of staff.

    Raises:
        BrandOrderNotFound, OrderNotPending, OrderAlreadyDecided, OrderAtLimit, CodeRequired: nothing is changed.
        ApprovalRequired: a price above a legal limit needs an approval.
    """
    row = await _row(session, member, order)
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    if new.action == "allow" and row.for_person and row.at_limit:
        above = settings.numbers.at("order_alone_most", now.date())
        await approvals.require_approval(
            session, member, approvals.ApprovalOperation("order", str(order), row.price), above
        )
    code, valid_until = new.code, new.valid_until
    if new.action == "allow" and row.fulfilment == "own":
        # The gift card that the agent would have received at once.
        code = gift_card_codes.fresh()
        valid_until = today + timedelta(days=row.valid_days) if row.valid_days else None
    outcome: str = await session.scalar(
        DECIDE_ORDER,
        {
            "brand": member.brand_id,
            "staff": member.staff_id,
            "order": order,
            "action": new.action,
            "note": new.note,
            "digest": _digest(settings, order, new),
            "today": today,
            "valid_until": valid_until,
            "secret": gift_card_codes.seal(settings, code_owner(row.account_id, row.key), code) if code else None,
            "code": gift_card_codes.digest(settings, code) if code else None,
        },
    )
    return await _order_or_refusal(session, member, order, outcome)


def _digest(settings: Settings, order: int, new: OrderDecisionIn) -> bytes:
    """The keyed hash that identifies a decision; keyed, because it may contain a code. Notes do not count."""
    decision = msgspec.json.encode((order, new.action, new.code, new.valid_until))
    return hmac.digest(settings.pepper, b"decision:" + decision, "sha256")


async def update_delivery(
    session: AsyncSession, member: Member, order: int, new: DeliveryIn, now: datetime
) -> OrderKept:
    """Set where goods are. `delivered` ends the order as done; a retry is harmless.

    Raises:
        BrandOrderNotFound, OrderWithoutDelivery, DeliveryEnded, OrderAtLimit: nothing is changed.
    """
    row = await _row(session, member, order)
    values = {"brand": member.brand_id, "staff": member.staff_id, "order": order, "delivery": new.delivery}
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    outcome: str = await session.scalar(UPDATE_DELIVERY, values | {"place": new.place, "today": today})
    return await _order_or_refusal(session, member, order, outcome)


async def _order_or_refusal(session: AsyncSession, member: Member, order: int, outcome: str) -> OrderKept:
    if outcome in REFUSALS:
        raise REFUSALS[outcome]
    return await order_details(session, member, order)
