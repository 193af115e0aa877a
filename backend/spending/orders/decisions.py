"""Orders for staff: the queue of pending orders, decisions about them, and the delivery of goods."""

import hmac
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.identity.approvals import service as approvals
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.spending.accounting.tax import is_at_limit
from backend.spending.models import Order, OrderStep, Reward
from backend.spending.orders import transitions
from backend.spending.orders.decision_schemas import (
    OrderAdmin,
    OrderDecisionIn,
    OrderDeliveryIn,
    OrderStepOut,
    SupplierCallOut,
)
from backend.spending.orders.service import code_owner
from backend.spending.orders.transitions import BY_STAFF, NewGiftCard, OrderEnd

OrderStateFilter = Literal["waiting", "held", "done", "refused"]

_COLUMNS = """
    SELECT o.*, a.card_number AS card, f.key AS offer, f.name_ru, f.kind, f.fulfilment,
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


async def order_details(session: AsyncSession, member: Member, order: int) -> OrderAdmin:
    """An order with its steps and supplier attempts.

    Raises:
        BrandOrderNotFound: the brand has none with this number.
    """
    row = await _row(session, member, order)
    steps = await session.execute(STEPS, {"order": row.id, "brand": member.brand_id})
    attempts = await session.execute(ATTEMPTS, {"order": row.id})
    return OrderAdmin.of(
        row,
        [OrderStepOut(step.action, step.email, step.at, step.note) for step in steps],
        [SupplierCallOut(attempt.supplier, attempt.result, attempt.at, attempt.code) for attempt in attempts],
    )


async def _row(session: AsyncSession, member: Member, order: int) -> Any:
    row = (await session.execute(ORDER_BY_ID, {"brand": member.brand_id, "order": order})).one_or_none()
    if row is None:
        raise BrandOrderNotFound
    return row


async def decide_order(
    session: AsyncSession, settings: Settings, member: Member, order_id: int, new: OrderDecisionIn, now: datetime
) -> OrderAdmin:
    """Decide about an order, once; a retry is harmless, from any member of staff.

    Raises:
        BrandOrderNotFound, OrderNotPending, OrderAlreadyDecided, OrderAtLimit, CodeRequired: nothing is changed.
        ApprovalRequired: a price above a legal limit needs an approval.
    """
    row = await _row(session, member, order_id)
    if new.action == "allow" and row.for_person and is_at_limit(row.state, row.reason):
        above = settings.numbers.at("order_alone_most", now.date())
        await approvals.require_approval(
            session, member, approvals.ApprovalOperation("order", str(order_id), row.price), above
        )
    order = await transitions.lock_order(session, order_id)
    digest = _digest(settings, order_id, new)
    if not _is_pending(order, new):
        await _check_repeated(session, order_id, digest)
        return await order_details(session, member, order_id)
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    await _apply_decision(session, settings, order, new, today)
    _record_step(session, member, order, new.action, note=new.note, digest=digest, is_shown=True)
    audit_log.record(session, member, "order.decided", order=order.id, action=new.action)
    await session.flush()
    return await order_details(session, member, order_id)


def _is_pending(order: Order, new: OrderDecisionIn) -> bool:
    """Whether an order waits for this kind of decision."""
    waits = order.state == "held" and order.for_person
    return waits and (new.action != "allow" or is_at_limit(order.state, order.reason))


async def _check_repeated(session: AsyncSession, order_id: int, digest: bytes) -> None:
    """Check that the last decision about an order was the same one."""
    last = await session.scalar(
        select(OrderStep)
        .where(OrderStep.order_id == order_id, OrderStep.digest.is_not(None))
        .order_by(OrderStep.id.desc())
        .limit(1)
    )
    if last is None:
        raise OrderNotPending
    if last.digest != digest:
        raise OrderAlreadyDecided


async def _apply_decision(
    session: AsyncSession, settings: Settings, order: Order, new: OrderDecisionIn, today: date
) -> None:
    reward = await session.get_one(Reward, order.offer_id)
    if new.action == "allow":
        gift_card = _new_gift_card(settings, order, reward, today) if reward.fulfilment == "own" else None
        await transitions.allow_order(session, order, gift_card, today)
        return
    if new.action == "turn_down":
        end = OrderEnd(done=False, reason="turned_down", supplier=BY_STAFF)
    elif is_at_limit(order.state, order.reason):
        raise OrderAtLimit
    elif reward.fulfilment == "supplier" and new.code is None:
        raise CodeRequired
    else:
        secret = gift_card_codes.seal(settings, code_owner(order.account_id, order.key), new.code) if new.code else None
        end = OrderEnd(done=True, secret=secret, supplier=BY_STAFF, valid_until=new.valid_until)
    await transitions.end_order(session, order, end, today)
    if end.done and order.delivery is not None:
        order.delivery = "delivered"


def _new_gift_card(settings: Settings, order: Order, reward: Reward, today: date) -> NewGiftCard:
    """The gift card that the agent would have received at once."""
    code = gift_card_codes.fresh()
    return NewGiftCard(
        gift_card_codes.digest(settings, code),
        gift_card_codes.seal(settings, code_owner(order.account_id, order.key), code),
        today + timedelta(days=reward.valid_days) if reward.valid_days else None,
    )


def _record_step(session: AsyncSession, member: Member, order: Order, action: str, **fields: Any) -> None:
    step = OrderStep(brand_id=member.brand_id, order_id=order.id, staff_id=member.staff_id, action=action, **fields)
    session.add(step)


def _digest(settings: Settings, order: int, new: OrderDecisionIn) -> bytes:
    """The keyed hash that identifies a decision; keyed, because it may contain a code. Notes do not count."""
    decision = msgspec.json.encode((order, new.action, new.code, new.valid_until))
    return hmac.digest(settings.pepper, b"decision:" + decision, "sha256")


async def update_delivery(
    session: AsyncSession, member: Member, order_id: int, new: OrderDeliveryIn, now: datetime
) -> OrderAdmin:
    """Set where goods are. `delivered` ends the order as done; a retry is harmless.

    Raises:
        BrandOrderNotFound, OrderWithoutDelivery, DeliveryEnded, OrderAtLimit: nothing is changed.
    """
    row = await _row(session, member, order_id)
    order = await transitions.lock_order(session, order_id)
    if not _is_delivered_already(order, new):
        order.delivery, order.place = new.delivery, new.place or order.place
        await session.flush()
        if new.delivery == "delivered":
            today = now.astimezone(ZoneInfo(row.timezone)).date()
            await transitions.end_order(session, order, OrderEnd(done=True, supplier=BY_STAFF), today)
        _record_step(session, member, order, new.delivery)
        _record_delivery(session, member, order, row.offer)
        await session.flush()
    return await order_details(session, member, order_id)


def _is_delivered_already(order: Order, new: OrderDeliveryIn) -> bool:
    """Whether goods are there already, so that nothing is to be done.

    Raises:
        OrderWithoutDelivery, DeliveryEnded, OrderAtLimit.
    """
    if order.delivery is None:
        raise OrderWithoutDelivery
    if order.state == "refused":
        raise DeliveryEnded
    if order.delivery == new.delivery and new.place in (None, order.place):
        return True
    if order.delivery == "delivered":
        raise DeliveryEnded
    if is_at_limit(order.state, order.reason):
        raise OrderAtLimit
    return False


def _record_delivery(session: AsyncSession, member: Member, order: Order, reward_key: str) -> None:
    events.record(
        session,
        "order.delivery",
        brand_id=member.brand_id,
        account_id=order.account_id,
        staff_id=member.staff_id,
        order=order.id,
        offer=reward_key,
        delivery=order.delivery,
    )
