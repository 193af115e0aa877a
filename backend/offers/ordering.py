"""Orders: placed in one statement, looked at, and their codes shown to their owner only."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from sqlalchemy import text

from backend.accounts.door import Agent
from backend.database import Database
from backend.errors import BodyChanged, Conflict, Forbidden, Invalid, NotFound, Refusal, Unauthenticated
from backend.offers import certificate_codes, prices, tax, window
from backend.offers.schemas import OrderIn
from backend.settings import Settings

PLACE = text("""
    SELECT * FROM orders_place(:account, :device, :key, :digest, :offer, :nominal, :price, :today, :year, :year_most,
        :order_most, :reference, :place, :secret, :code, :valid_until)
""")
_COLUMNS = """
    o.id, o.key, o.state, o.reason, o.offer_id, o.nominal, o.price, o.placed_at, o.done_at, o.secret, o.valid_until,
    o.delivery, o.place, o.supplier_name, o.account_id, f.name_ru, f.name_en, g.currency,
    f.tax, y.amount AS year_used, coalesce(r.rung, 0) AS own_rung
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    LEFT JOIN yearly_sums y ON y.account_id = o.account_id AND y.brand_id = o.brand_id AND y.tax = f.tax
        AND y.year = extract(year FROM o.placed_at AT TIME ZONE 'Europe/Moscow')
    LEFT JOIN rungs r ON r.account_id = o.account_id AND r.brand_id = o.brand_id
"""
PAGE = text(f"""
    SELECT {_COLUMNS} WHERE o.account_id = :account AND o.id < :before ORDER BY o.id DESC LIMIT :most
""")
ONE = text(f"SELECT {_COLUMNS} WHERE o.account_id = :account AND o.key = :key")
REVEALED = text("INSERT INTO reveals (order_id, device_id) VALUES (:order, :device)")
ENDED = "SB012"


class OfferUnknown(NotFound):
    """There is no such offer."""


class OrderUnknown(NotFound):
    """You have placed no such order."""


class NotOffered(Conflict):
    """This is not on offer now."""


class NominalNotOffered(Invalid):
    """This offer has no such nominal."""


class ReferenceNeeded(Invalid):
    """Name the invoice that you pay in `reference`."""


class PlaceUnknown(Invalid):
    """Choose one of the places where this can be picked up."""


class RungTooLow(Forbidden):
    """This takes an account that is named. Ask the brand."""


class NoRate(Conflict):
    """The programme has no rate for this yet."""


class NoCode(Conflict):
    """This order has no code to show."""


class Priced(msgspec.Struct, frozen=True):
    """An offer with the nominal that is wanted and what it costs in minor units."""

    offer: Any
    nominal: int
    price: int


async def place(db: Database, settings: Settings, agent: Agent, key: UUID, body: OrderIn, now: datetime) -> Any:
    """Place an order; the same id again gives the first answer. Returns the order's row.

    Raises:
        OfferUnknown, NotOffered, NominalNotOffered, ReferenceNeeded, PlaceUnknown,
            RungTooLow, NoRate: nothing was placed. BodyChanged: the id had
            another body.
    """
    digest = hashlib.sha256(msgspec.json.encode(body)).digest()[:16]
    wanted = await _priced(db, agent.account_id, key, body, now)
    code = certificate_codes.fresh() if wanted.offer.fulfilment == "own" else None
    today = now.astimezone(ZoneInfo(wanted.offer.timezone)).date()
    valid_days = wanted.offer.valid_days
    try:
        placed = await db.call(
            PLACE, account=agent.account_id, device=agent.device_id, key=key, digest=digest, offer=wanted.offer.id,
            nominal=wanted.nominal, price=wanted.price, today=today, year=tax.year(now),
            year_most=tax.year_most(settings, wanted.offer.tax, wanted.offer.own_rung, now),
            order_most=tax.order_most(settings, wanted.offer.tax, wanted.offer.own_rung, now),
            reference=body.reference, place=body.place,
            secret=certificate_codes.seal(settings, owner(agent.account_id, key), code) if code else None,
            code=certificate_codes.digest(settings, code) if code else None,
            valid_until=today + timedelta(days=valid_days) if valid_days else None,
        )  # fmt: skip
    except psycopg.Error as error:
        if error.sqlstate != ENDED:
            raise
        raise Unauthenticated from error
    if placed.changed:
        raise BodyChanged
    return await one(db, agent.account_id, key)


async def _priced(db: Database, account_id: int, key: UUID, body: OrderIn, now: datetime) -> Priced:
    offer = await window.one(db, account_id, body.offer_id, now)
    if offer is None:
        raise OfferUnknown
    nominal = offer.least if body.nominal is None else body.nominal
    price = prices.price(offer, nominal, await _rate(db, offer, now))
    refusal = _refusal(offer, body, nominal, price)
    # What was placed once is answered again, whatever became of the offer since.
    if refusal and not await db.rows(ONE, account=account_id, key=key):
        raise refusal
    return Priced(offer, nominal, price or nominal)


async def _rate(db: Database, offer: Any, now: datetime) -> int | None:
    needs_one = offer.price is None and offer.currency != "RUB"
    return await window.rate(db, offer.programme_id, now.date()) if needs_one else None


def _refusal(offer: Any, body: OrderIn, nominal: int, price: int | None) -> Refusal | None:
    """Why an order is not placed at all."""
    if not offer.on_offer:
        return NotOffered()
    # A rung that falls a moment later is the brand's word against its own: a look is enough.
    if offer.own_rung < offer.rung:
        return RungTooLow()
    if not prices.is_offered(offer, nominal):
        return NominalNotOffered()
    if offer.kind == "invoice" and not body.reference.strip():
        return ReferenceNeeded()
    if offer.places and body.place not in offer.places:
        return PlaceUnknown()
    return NoRate() if price is None else None


def owner(account_id: int, key: UUID) -> str:
    """Whose a sealed code is: it cannot be put under another order."""
    return f"{account_id}:{key}"


async def one(db: Database, account_id: int, key: UUID) -> Any:
    """An order by the id that the phone gave it.

    Raises:
        OrderUnknown: the account has none under this id.
    """
    rows = await db.rows(ONE, account=account_id, key=key)
    if not rows:
        raise OrderUnknown
    return rows[0]


async def page(db: Database, account_id: int, before: int | None, most: int) -> list[Any]:
    """Orders, newest first, from a place on."""
    return await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=most)


async def reveal(db: Database, settings: Settings, agent: Agent, row: Any) -> str:
    """The code of an order, and a note that it was shown to this device.

    Raises:
        NoCode: it has none, or not yet.
    """
    if row.state != "done" or row.secret is None:
        raise NoCode
    sealed_for = stock_owner(row.offer_id) if row.supplier_name == "stock" else owner(row.account_id, row.key)
    code = certificate_codes.unseal(settings, sealed_for, row.secret)
    await db.rows(REVEALED, order=row.id, device=agent.device_id)
    return code


def stock_owner(offer_id: int) -> str:
    """Whose a code of the stock is until it is sold, and afterwards."""
    return f"stock:{offer_id}"
