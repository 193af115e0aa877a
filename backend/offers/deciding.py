"""Orders that wait for a person of the brand: the queue, what is decided about them, and where goods are."""

import hmac
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member
from backend.errors import Conflict, Invalid, NotFound, Refusal
from backend.offers import certificate_codes
from backend.offers.deciding_schemas import DeliveryIn, OrderDecisionIn, OrderKept, OrderStepOut, OrderTryOut
from backend.offers.ordering import owner
from backend.settings import Settings

State = Literal["waiting", "held", "done", "refused"]

_COLUMNS = """
    SELECT o.*, orders_at_limit(o) AS at_limit, a.card_number AS card, f.key AS offer, f.name_ru, f.kind, f.fulfilment,
        f.valid_days, g.currency, g.timezone, p.sku AS unit_sku, u.at AS unit_at
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    JOIN accounts a ON a.id = o.account_id
    LEFT JOIN accruals u ON u.cause = o.unit_cause AND u.cause_id = o.unit_cause_id
    LEFT JOIN products p ON p.id = u.product_id WHERE o.brand_id = :brand
"""
QUEUE = text(f"{_COLUMNS} AND o.for_person AND o.id > :place ORDER BY o.id LIMIT :most")
PAGE = text(f"""
    {_COLUMNS} AND o.id < :place AND (CAST(:state AS text) IS NULL OR o.state = :state)
    ORDER BY o.id DESC LIMIT :most
""")
ONE = text(f"{_COLUMNS} AND o.id = :order")
STEPS = text("""
    SELECT s.action, m.email, s.at, s.note FROM order_steps s JOIN staff m ON m.id = s.staff_id
    WHERE s.order_id = :order AND s.brand_id = :brand ORDER BY s.id
""")
TRIES = text("SELECT supplier, result, code, at FROM order_tries WHERE order_id = :order ORDER BY id")
DECIDE = text("""
    SELECT orders_decide(:brand, :staff, :order, :action, :note, :digest, :secret, :code, :valid_until, :today)
""")
DELIVER = text("SELECT orders_deliver(:brand, :staff, :order, :delivery, :place, :today)")


class OrderNotKept(NotFound):
    """Your brand has no such order."""


class OrderNotWaiting(Conflict):
    """This order does not wait for a person."""


class OrderDecided(Conflict):
    """Somebody has decided about this order otherwise."""


class OrderAtLimit(Conflict):
    """This order waits at a limit of the law. Allow it first, or turn it down."""


class CodeMissing(Invalid):
    """What a supplier sells has a code: send it with the decision."""


class NothingToDeliver(Conflict):
    """This order has no delivery: it is not for goods."""


class DeliveryEnded(Conflict):
    """These goods were delivered, or the order was turned down."""


REFUSALS: dict[str, type[Refusal]] = {
    "unknown": OrderNotKept,
    "not_waiting": OrderNotWaiting,
    "decided": OrderDecided,
    "at_limit": OrderAtLimit,
    "code_missing": CodeMissing,
    "no_delivery": NothingToDeliver,
    "ended": DeliveryEnded,
}


async def page(session: AsyncSession, member: Member, state: State | None, place: int | None, most: int) -> list[Any]:
    """The brand's orders from a place on: those that wait oldest first, all others newest first."""
    values: dict[str, Any] = {"brand": member.brand_id, "most": most}
    if state == "waiting":
        return list(await session.execute(QUEUE, values | {"place": place or 0}))
    return list(await session.execute(PAGE, values | {"place": 2**62 if place is None else place, "state": state}))


async def one(session: AsyncSession, member: Member, order: int) -> OrderKept:
    """An order with what was done with it.

    Raises:
        OrderNotKept: the brand has none of this number.
    """
    row = await _row(session, member, order)
    steps = await session.execute(STEPS, {"order": row.id, "brand": member.brand_id})
    tries = await session.execute(TRIES, {"order": row.id})
    return OrderKept.of(
        row,
        [OrderStepOut(step.action, step.email, step.at, step.note) for step in steps],
        [OrderTryOut(one.supplier, one.result, one.at, one.code) for one in tries],
    )


async def _row(session: AsyncSession, member: Member, order: int) -> Any:
    row = (await session.execute(ONE, {"brand": member.brand_id, "order": order})).one_or_none()
    if row is None:
        raise OrderNotKept
    return row


async def decide(
    session: AsyncSession, settings: Settings, member: Member, order: int, new: OrderDecisionIn, now: datetime
) -> OrderKept:
    """Decide about an order, once: the same again is harmless, whoever sends it.

    Raises:
        OrderNotKept, OrderNotWaiting, OrderDecided, OrderAtLimit, CodeMissing: as they say; nothing was done.
    """
    row = await _row(session, member, order)
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    code, valid_until = new.code, new.valid_until
    if new.action == "allow" and row.fulfilment == "own":
        # The certificate that the agent would have had at once.
        code = certificate_codes.fresh()
        valid_until = today + timedelta(days=row.valid_days) if row.valid_days else None
    said: str = await session.scalar(
        DECIDE,
        {
            "brand": member.brand_id, "staff": member.staff_id, "order": order, "action": new.action, "note": new.note,
            "digest": _digest(settings, order, new), "today": today, "valid_until": valid_until,
            "secret": certificate_codes.seal(settings, owner(row.account_id, row.key), code) if code else None,
            "code": certificate_codes.digest(settings, code) if code else None,
        },
    )  # fmt: skip
    return await _told(session, member, order, said)


def _digest(settings: Settings, order: int, new: OrderDecisionIn) -> bytes:
    """What a decision is known by, under the pepper: it may hold a code. A note is a note."""
    said = msgspec.json.encode((order, new.action, new.code, new.valid_until))
    return hmac.digest(settings.pepper, b"decision:" + said, "sha256")


async def deliver(session: AsyncSession, member: Member, order: int, new: DeliveryIn, now: datetime) -> OrderKept:
    """Say where goods are. `delivered` ends the order as done; the same again is harmless.

    Raises:
        OrderNotKept, NothingToDeliver, DeliveryEnded, OrderAtLimit: as they say; nothing was done.
    """
    row = await _row(session, member, order)
    values = {"brand": member.brand_id, "staff": member.staff_id, "order": order, "delivery": new.delivery}
    today = now.astimezone(ZoneInfo(row.timezone)).date()
    said: str = await session.scalar(DELIVER, values | {"place": new.place, "today": today})
    return await _told(session, member, order, said)


async def _told(session: AsyncSession, member: Member, order: int, said: str) -> OrderKept:
    if said in REFUSALS:
        raise REFUSALS[said]
    return await one(session, member, order)
