"""Orders: placed in one statement, looked at, and their codes shown to their owner only."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from backend.accounts.door import Agent, refusals
from backend.database import Database
from backend.errors import BodyChanged, Conflict, Forbidden, Invalid, NotFound, Refusal
from backend.offers import certificate_codes, tax
from backend.offers.schemas import OrderIn
from backend.settings import Settings

_OF_ORDER = """
    o.id, o.key, o.state, o.reason, o.offer_id, o.nominal, o.price, o.placed_at, o.done_at, o.secret, o.valid_until,
    o.delivery, o.place, o.reference, o.defers_days, o.supplier_name, o.account_id
"""
PLACE = text(f"""
    SELECT p.refusal, p.changed, p.year_used, p.name_ru, p.name_en, p.currency, p.tax, p.own_rung,
        {_OF_ORDER.replace("o.", "(p.placed).")}
    FROM orders_ask(:account, :device, :key, :digest, :offer, :nominal, :now, :pin, :most, :year,
        CAST(:limits AS jsonb), :reference, :place, :unit, :secret, :code) AS p
""")  # noqa: S608 - our own columns
_SEEN = f"""
    SELECT {_OF_ORDER}, f.name_ru, f.name_en, g.currency, f.tax, coalesce(r.rung, 0) AS own_rung,
        orders_year_used(o.account_id, o.brand_id, orders_year(o), f.tax) AS year_used
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    LEFT JOIN rungs r ON r.account_id = o.account_id AND r.brand_id = o.brand_id
"""  # noqa: S608 - our own columns
PAGE = text(f"{_SEEN} WHERE o.account_id = :account AND o.id < :before ORDER BY o.id DESC LIMIT :most")
ONE = text(f"{_SEEN} WHERE o.account_id = :account AND o.key = :key")
REVEALED = text("INSERT INTO reveals (order_id, device_id) VALUES (:order, :device)")


class OfferUnknown(NotFound):
    """There is no such offer."""


class OrderUnknown(NotFound):
    """You have placed no such order."""


class NotOffered(Conflict):
    """This is not on offer now."""


class NominalNotOffered(Invalid):
    """This offer has no such nominal."""


class ReferenceNeeded(Invalid):
    """Name the invoice in `reference`."""


class PlaceUnknown(Invalid):
    """Choose one of the places where this can be picked up."""


class UnitUnfit(Invalid):
    """Name one of your units whose warranty still runs, where an offer makes it longer, and nowhere else."""


class RungTooLow(Forbidden):
    """This takes an account that is named. Ask the brand."""


class NoRate(Conflict):
    """The programme has no rate for this yet."""


class NoCode(Conflict):
    """This order has no code to show."""


# Why an order is not placed at all.
REFUSALS: dict[str, type[Refusal]] = {
    "unknown": OfferUnknown,
    "not_offered": NotOffered,
    "rung": RungTooLow,
    "nominal": NominalNotOffered,
    "reference": ReferenceNeeded,
    "place": PlaceUnknown,
    "unit": UnitUnfit,
    "rate": NoRate,
}


async def place(
    db: Database, settings: Settings, agent: Agent, key: UUID, body: OrderIn, now: datetime, *, pin_shown: bool = False
) -> Any:
    """Place an order; the same id again gives the first answer. Returns the order's row, and that its code is shown, if
    it has one, is noted. None: the account has a PIN, which was not shown.

    Raises:
        One of REFUSALS: nothing was placed. BodyChanged: the id had another body. Unauthenticated: the device has
            ended. TooManyRequests: too many orders of the account were refused.
    """
    # It is used where the offer is our own certificate.
    code = certificate_codes.fresh()
    with refusals():
        row = await db.call(
            PLACE, account=agent.account_id, device=agent.device_id, key=key,
            digest=hashlib.sha256(msgspec.json.encode(body)).digest()[:16], offer=body.offer_id, nominal=body.nominal,
            now=now, pin=pin_shown, most=settings.numbers.at("orders_refused_per_hour", now.date()),
            year=tax.year(now), limits=tax.most(settings, now), reference=body.reference.strip(), place=body.place,
            unit=body.unit,
            secret=certificate_codes.seal(settings, owner(agent.account_id, key), code),
            code=certificate_codes.digest(settings, code),
        )  # fmt: skip
    if row.refusal == "pin":
        return None
    if row.refusal:
        raise REFUSALS[row.refusal]
    if row.changed:
        raise BodyChanged
    return row


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
    code = code_of(settings, row)
    if code is None:
        raise NoCode
    await db.rows(REVEALED, order=row.id, device=agent.device_id)
    return code


def code_of(settings: Settings, row: Any) -> str | None:
    """The code of an order, which only its owner may see, and each time with a note; None: it has none, or not yet."""
    if row.state != "done" or row.secret is None:
        return None
    sealed_for = stock_owner(row.offer_id) if row.supplier_name == "stock" else owner(row.account_id, row.key)
    return certificate_codes.unseal(settings, sealed_for, row.secret)


def stock_owner(offer_id: int) -> str:
    """Whose a code of the stock is until it is sold, and afterwards."""
    return f"stock:{offer_id}"
