"""Orders of agents: placing them in one statement, reading them, and revealing codes to their owner."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Conflict, DomainError, Forbidden, Invalid, NotFound
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent, translate_database_errors
from backend.identity.accounts.holds import AccountHeld
from backend.spending.accounting import tax
from backend.spending.order_rows import OrderRow, PlacedOrder
from backend.spending.schemas import OrderIn, has_code

_ORDER_COLUMNS = """
    o.id, o.key, o.state, o.reason, o.offer_id, o.nominal, o.price, o.placed_at, o.done_at, o.secret, o.valid_until,
    o.delivery, o.place, o.reference, o.defers_days, o.supplier_name, o.account_id, o.for_person, o.due_at, o.unknown,
    o.decide_by
"""
# The note that the agent sees: the newest one of a decision.
_NOTE = """
    (SELECT s.note FROM order_steps s WHERE s.order_id = {order} AND s.is_shown AND s.note <> ''
    ORDER BY s.id DESC LIMIT 1)
"""
PLACE_ORDER = text(f"""
    SELECT p.refusal, p.changed, p.year_used, p.name_ru, p.name_en, p.currency, p.tax, p.own_rung,
        (p.placed).secret IS NOT NULL AND accounts_is_held(:account) AS is_held,
        {_ORDER_COLUMNS.replace("o.", "(p.placed).")},
        -- A new order has no note, so it is not read.
        CASE WHEN (p.placed).done_at < now() THEN {_NOTE.format(order="(p.placed).id")} END AS note
    FROM orders_submit(:account, :device, :key, :digest, :offer, :nominal, :now, :pin, :most, :year,
        CAST(:limits AS jsonb), :reference, :place, :unit, :secret, :code, :expected) AS p
""")  # noqa: S608 - our own columns
_ORDERS = f"""
    SELECT {_ORDER_COLUMNS}, {_NOTE.format(order="o.id")} AS note, f.name_ru, f.name_en, g.currency, f.tax,
        coalesce(r.rung, 0) AS own_rung,
        orders_year_used(o.account_id, o.brand_id, orders_year(o), f.tax) AS year_used
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    LEFT JOIN rungs r ON r.account_id = o.account_id AND r.brand_id = o.brand_id
"""  # noqa: S608 - our own columns
ORDER_PAGE = text(f"{_ORDERS} WHERE o.account_id = :account AND o.id < :before ORDER BY o.id DESC LIMIT :most")
ORDER_BY_KEY = text(f"{_ORDERS} WHERE o.account_id = :account AND o.key = :key")
# Codes bought before a recovery are not revealed until its hold ends; checked in the insert, so that no recovery can
# start in between.
INSERT_REVEAL = text("""
    INSERT INTO reveals (order_id, device_id) SELECT :order, :device WHERE NOT accounts_is_held(:account) RETURNING id
""")


class OfferNotFound(NotFound):
    """There is no such offer."""

    code = "offer_unknown"


class OrderNotFound(NotFound):
    """You have placed no such order."""

    code = "order_unknown"


class OfferUnavailable(Conflict):
    """This is not available now."""

    code = "not_offered"


class FaceValueNotOffered(Invalid):
    """This offer does not have this face value."""

    code = "nominal_not_offered"


class ReferenceRequired(Invalid):
    """Name the invoice in `reference`."""

    code = "reference_needed"


class PlaceInvalid(Invalid):
    """Choose one of the places where this can be picked up."""

    code = "place_unknown"


class UnitInvalid(Invalid):
    """An order that extends a warranty names one of your units under warranty; other orders name none."""

    code = "unit_unfit"


class VerificationLevelTooLow(Forbidden):
    """This requires a confirmed account. Contact the brand."""

    code = "rung_too_low"


class RateMissing(Conflict):
    """The programme has no rate yet."""

    code = "no_rate"


class PriceConflict(Conflict):
    """The price has changed. Check the offer again."""

    code = "price_conflict"


class OrderWithoutCode(Conflict):
    """This order has no code to show."""

    code = "no_code"


# Reasons why an order is not placed.
REFUSALS: dict[str, type[DomainError]] = {
    "unknown": OfferNotFound,
    "not_offered": OfferUnavailable,
    "rung": VerificationLevelTooLow,
    "nominal": FaceValueNotOffered,
    "reference": ReferenceRequired,
    "place": PlaceInvalid,
    "unit": UnitInvalid,
    "rate": RateMissing,
    "price": PriceConflict,
}


async def place_order(
    db: Database, settings: Settings, agent: Agent, key: UUID, body: OrderIn, now: datetime, *, pin_shown: bool = False
) -> PlacedOrder | None:
    """Place an order. Idempotent by its id. If the order has a code, the reveal is recorded. None:
    the account has a PIN, which was not sent.

    Raises:
        One of REFUSALS: nothing was placed. BodyChanged: the id was used with another body. Unauthenticated: the device
            has ended. TooManyRequests: too many orders of the account were refused.
    """
    # Used if the reward is a gift card.
    code = gift_card_codes.fresh()
    with translate_database_errors():
        row = await db.call(
            PLACE_ORDER,
            account=agent.account_id,
            device=agent.device_id,
            key=key,
            digest=_digest(body),
            offer=body.offer_id,
            nominal=body.nominal,
            now=now,
            pin=pin_shown,
            most=settings.numbers.at("orders_refused_per_hour", now.date()),
            year=tax.tax_year(now),
            limits=tax.limits_json(settings, now),
            reference=body.reference.strip(),
            place=body.place,
            unit=body.unit,
            expected=body.price,
            secret=gift_card_codes.seal(settings, code_owner(agent.account_id, key), code),
            code=gift_card_codes.digest(settings, code),
        )
    if row.refusal == "pin":
        return None
    if row.refusal:
        raise REFUSALS[row.refusal]
    if row.changed:
        raise BodyChanged
    return PlacedOrder(OrderRow.of(row), row.is_held)


def _digest(body: OrderIn) -> bytes:
    """The hash that identifies a retry. Fields of later versions count only if they were sent."""
    fields = msgspec.to_builtins(body)
    if body.price is None:
        del fields["price"]
    return hashlib.sha256(msgspec.json.encode(fields)).digest()[:16]


def code_owner(account_id: int, key: UUID) -> str:
    """The context that an encrypted code is bound to: it cannot be moved to another order."""
    return f"{account_id}:{key}"


async def order_by_key(db: Database, account_id: int, key: UUID) -> OrderRow:
    """An order by its id.

    Raises:
        OrderNotFound: the account has none with this id.
    """
    rows = await db.rows(ORDER_BY_KEY, account=account_id, key=key)
    if not rows:
        raise OrderNotFound
    return OrderRow.of(rows[0])


async def order_in_session(session: AsyncSession, account_id: int, key: UUID) -> OrderRow:
    """An order by its id, within a transaction.

    Raises:
        OrderNotFound: the account has none with this id.
    """
    row = (await session.execute(ORDER_BY_KEY, {"account": account_id, "key": key})).one_or_none()
    if row is None:
        raise OrderNotFound
    return OrderRow.of(row)


async def order_page(db: Database, account_id: int, before: int | None, most: int) -> list[OrderRow]:
    """Orders of an account, newest first, before an id."""
    rows = await db.rows(ORDER_PAGE, account=account_id, before=2**62 if before is None else before, most=most)
    return [OrderRow.of(row) for row in rows]


async def reveal_code(db: Database, settings: Settings, agent: Agent, row: OrderRow) -> str:
    """Return the code of an order and record the reveal with the device.

    Raises:
        OrderWithoutCode: it has none, or not yet. AccountHeld: the account is in the hold of a recovery.
    """
    code = order_code(settings, row)
    if code is None:
        raise OrderWithoutCode
    if not await db.rows(INSERT_REVEAL, order=row.id, device=agent.device_id, account=agent.account_id):
        raise AccountHeld
    return code


def order_code(settings: Settings, row: OrderRow) -> str | None:
    """The code of an order, for its owner only; each reveal must be recorded. None: it has none, or not yet."""
    if row.secret is None or not has_code(row):
        return None
    sealed_for = (
        gift_card_codes.stock_owner(row.offer_id)
        if row.supplier_name == "stock"
        else code_owner(row.account_id, row.key)
    )
    return gift_card_codes.unseal(settings, sealed_for, row.secret)


def gift_card_url(settings: Settings, row: OrderRow, code: str | None) -> str | None:
    """The URL of the page of an order's code, if it is a gift card."""
    is_own = code is not None and row.supplier_name in (None, "own") and gift_card_codes.is_code(code)
    return gift_card_codes.link(settings.base_url, code) if code and is_own else None
