"""Own certificates at tills: what is left of one, taking a part of it, giving a part back."""

import hashlib
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import text

from backend.database import Database
from backend.errors import BodyChanged, Conflict, NotFound, TooManyRequests
from backend.offers import certificate_codes
from backend.offers.certificate_schemas import CertificateReturnIn, CertificateUseIn
from backend.settings import Settings
from backend.shops.door import TillAt

LOOK = text("SELECT * FROM certificates_look(:till, :shop, :code, :today, :most, :seconds)")
TAKE = text("""
    SELECT * FROM certificates_take(:till, :shop, :cashier, :key, :digest, :code, :amount, :today, :most, :seconds)
""")
GIVE_BACK = text("SELECT * FROM certificates_give_back(:till, :shop, :cashier, :use, :key, :digest, :amount)")
WINDOW_SECONDS = 600


class CertificateUnknown(NotFound):
    """No certificate that this shop takes has this code."""


class CertificateEnded(Conflict):
    """This certificate is used up, closed, or its last day is over."""


class BalanceTooLow(Conflict):
    """This certificate holds less: {balance} kopecks. Nothing was taken."""


class UseUnknown(NotFound):
    """This shop took no part of a certificate under this id."""


class DiscountStays(Conflict):
    """A discount is used once and for good: nothing of it comes back."""


class MoreThanTaken(Conflict):
    """This is more than was taken and has not come back yet: {left} kopecks. Nothing was given back."""


class Used(NamedTuple):
    """What was taken or given back, and what the certificate held after it; kopecks."""

    amount: int
    balance: int


async def look(db: Database, settings: Settings, till: TillAt, code: str, now: datetime) -> Any:
    """How a certificate stands at a till: `left`, `nominal`, `valid_until`, `single`, `brand_id`, `brand`.

    Raises:
        CertificateUnknown, CertificateEnded: nothing can be taken. TooManyRequests: too many such codes at this till.
    """
    row = await db.call(LOOK, **_asked(settings, till, code, now))
    _refuse(row)
    return row


async def take(db: Database, settings: Settings, till: TillAt, key: str, body: CertificateUseIn, now: datetime) -> Used:
    """Take a part of a certificate, which its brand then owes the shop; the same id again gives the first answer.

    Raises:
        CertificateUnknown, CertificateEnded, BalanceTooLow: nothing was taken. BodyChanged: the id had another body.
        CashierNeeded, TokenInPages, TooManyRequests.
    """
    till.need_seller()
    asked = _asked(settings, till, body.code, now)
    digest = _digest(asked["code"], body.amount)
    deed = {"cashier": till.cashier_id, "key": key, "digest": digest, "amount": body.amount}
    return await _done(db, TAKE, **asked, **deed)


async def give_back(db: Database, till: TillAt, use: str, key: str, body: CertificateReturnIn) -> Used:
    """Give back to a certificate of what was taken, at any till of the shop; the same id again gives the first answer.

    One whose last day is over, or that was closed, gets it back as well: that it has ended stays.

    Raises:
        UseUnknown, DiscountStays, MoreThanTaken: nothing was given back. BodyChanged: the id had another body.
        CashierNeeded, TokenInPages.
    """
    till.need_seller()
    digest = _digest(use.encode(), body.amount)
    return await _done(
        db, GIVE_BACK, till=till.till_id, shop=till.shop_id, cashier=till.cashier_id, use=use, key=key, digest=digest,
        amount=body.amount,
    )  # fmt: skip


async def _done(db: Database, deed: Any, **values: Any) -> Used:
    try:
        row = await db.call(deed, **values)
    except psycopg.errors.UniqueViolation as error:
        # Repeats wait for each other at their certificate; what meets here is one id with two of them.
        raise BodyChanged from error
    if row.changed:
        raise BodyChanged
    _refuse(row)
    return Used(row.amount, row.left)


def _asked(settings: Settings, till: TillAt, code: str, now: datetime) -> dict[str, Any]:
    return {
        "till": till.till_id,
        "shop": till.shop_id,
        "code": certificate_codes.digest(settings, code),
        "today": now.astimezone(ZoneInfo(till.timezone)).date(),
        "most": settings.numbers.at("wrong_promo_codes_per_till", now.date()),
        "seconds": WINDOW_SECONDS,
    }


def _digest(subject: bytes, amount: int) -> bytes:
    """Tells a repeat from another body under the same id, however the code is spelled."""
    return hashlib.sha256(b"%b:%d" % (subject, amount)).digest()[:16]


Why = Literal["wait", "unknown", "ended", "poor", "no_use", "single", "too_much"]


def _refuse(row: Any) -> None:
    why: Why | None = row.why
    match why:
        case None:
            return
        case "wait":
            raise TooManyRequests(retry_after=row.left)
        case "unknown":
            raise CertificateUnknown
        case "ended":
            raise CertificateEnded
        case "poor":
            raise BalanceTooLow(balance=row.left)
        case "no_use":
            raise UseUnknown
        case "single":
            raise DiscountStays
        case "too_much":
            raise MoreThanTaken(left=row.left)
