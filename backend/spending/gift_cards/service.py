"""Gift cards at tills: balance, redeeming a part, returning a part."""

import hashlib
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Conflict, NotFound, TooManyRequests
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.shops.authentication import TillIdentity
from backend.spending.gift_cards.schemas import GiftCardRedemptionIn, GiftCardReturnIn

GIFT_CARD_BALANCE = text("""
    SELECT * FROM gift_cards_find(:till, :shop, :code, :most, :seconds, CAST(:visitor AS text))
""")
USE_GIFT_CARD = text("""
    SELECT * FROM certificates_take(:till, :shop, :cashier, :key, :digest, :code, :amount, :today, :most, :seconds)
""")
RETURN_USE = text("""
    SELECT * FROM gift_cards_refund(:till, :shop, :cashier, :use, :key, :digest, :amount, CAST(:named AS text))
""")
WINDOW_SECONDS = 600
SQLSTATE_DEBT_LIMIT = "SB044"


class BrandLimited(Conflict):
    """This brand's codes are not accepted here for now: its debt to this shop has reached the limit."""

    code = "brand_limited"


class GiftCardNotFound(NotFound):
    """No gift card that this shop accepts has this code."""

    code = "certificate_unknown"


class GiftCardEnded(Conflict):
    """This gift card is used up, closed or expired."""

    code = "certificate_ended"


class BalanceTooLow(Conflict):
    """The balance of this gift card is lower: {balance} kopecks. Nothing was redeemed."""

    code = "balance_too_low"


class UseNotFound(NotFound):
    """This shop has redeemed no part of a gift card under this id."""

    code = "use_unknown"


class UseAmbiguous(Conflict):
    """Several tills of this shop redeemed a part of a gift card under this id. Name the till in `till`."""

    code = "use_ambiguous"


class DiscountNotReturnable(Conflict):
    """A discount is used once and cannot be returned."""

    code = "discount_stays"


class ReturnTooLarge(Conflict):
    """The amount exceeds what can still be returned: {left} kopecks. Nothing was returned."""

    code = "more_than_taken"


class GiftCardUseResult(NamedTuple):
    """The redeemed or returned amount, and the balance after it; kopecks."""

    amount: int
    balance: int


async def gift_card_balance(
    db: Database, settings: Settings, till: TillIdentity, code: str, now: datetime, network: str
) -> Any:
    """The balance of a gift card at a till: `left`, `nominal`, `valid_until`, `single`, `brand_id`, `brand`.

    Raises:
        GiftCardNotFound, GiftCardEnded: it cannot be redeemed. TooManyRequests: too many such codes at this till,
            or from this network where pages of a web shop call.
    """
    parameters = _card_parameters(settings, till, code, now) | {"visitor": None}
    if till.origins:
        most = settings.numbers.at("wrong_promo_codes_per_visitor", now.date())
        parameters |= {"visitor": network, "most": most}
    row = await db.call(GIFT_CARD_BALANCE, **parameters)
    _raise_refusal(row)
    return row


async def use_gift_card(
    db: Database, settings: Settings, till: TillIdentity, key: str, body: GiftCardRedemptionIn, now: datetime
) -> GiftCardUseResult:
    """Redeem a part of a gift card, which its brand then owes the shop. Idempotent by its id.

    Raises:
        GiftCardNotFound, GiftCardEnded, BalanceTooLow, BrandLimited: nothing was redeemed. BodyChanged: the id had
            another body. CashierNeeded, TokenInPages, TooManyRequests.
    """
    till.require_cashier()
    parameters = _card_parameters(settings, till, body.code, now)
    digest = _request_digest(parameters["code"], body.amount)
    use = {"cashier": till.cashier_id, "key": key, "digest": digest, "amount": body.amount}
    return await _execute_statement(db, USE_GIFT_CARD, **parameters, **use)


async def return_use(db: Database, till: TillIdentity, use: str, key: str, body: GiftCardReturnIn) -> GiftCardUseResult:
    """Return a redeemed amount to a gift card, at any till of the shop. Idempotent by its id.

    An expired or closed gift card gets it back as well, and stays ended.

    Raises:
        UseNotFound, UseAmbiguous, DiscountNotReturnable, ReturnTooLarge: nothing is returned.
        BodyChanged: the id was used with another body. CashierNeeded, TokenInPages.
    """
    till.require_cashier()
    digest = _request_digest(use.encode(), body.amount)
    return await _execute_statement(
        db,
        RETURN_USE,
        till=till.till_id,
        shop=till.shop_id,
        cashier=till.cashier_id,
        use=use,
        key=key,
        digest=digest,
        amount=body.amount,
        named=body.till,
    )


async def _execute_statement(db: Database, statement: Any, **values: Any) -> GiftCardUseResult:
    try:
        row = await db.call(statement, **values)
    except psycopg.errors.UniqueViolation as error:
        # Retries wait for each other at their gift card; this is a race of one id with two gift cards.
        raise BodyChanged from error
    except psycopg.Error as error:
        if error.sqlstate != SQLSTATE_DEBT_LIMIT:
            raise
        raise BrandLimited from error
    if row.changed:
        raise BodyChanged
    _raise_refusal(row)
    return GiftCardUseResult(row.amount, row.left)


def _card_parameters(settings: Settings, till: TillIdentity, code: str, now: datetime) -> dict[str, Any]:
    return {
        "till": till.till_id,
        "shop": till.shop_id,
        "code": gift_card_codes.digest(settings, code),
        "today": now.astimezone(ZoneInfo(till.timezone)).date(),
        "most": settings.numbers.at("wrong_promo_codes_per_till", now.date()),
        "seconds": WINDOW_SECONDS,
    }


def _request_digest(subject: bytes, amount: int) -> bytes:
    """The hash that identifies a retry, in any spelling of the code."""
    return hashlib.sha256(b"%b:%d" % (subject, amount)).digest()[:16]


UseRefusal = Literal["wait", "unknown", "ended", "poor", "no_use", "ambiguous", "single", "too_much"]


def _raise_refusal(row: Any) -> None:
    why: UseRefusal | None = row.why
    match why:
        case None:
            return
        case "wait":
            raise TooManyRequests(retry_after=row.left)
        case "unknown":
            raise GiftCardNotFound
        case "ended":
            raise GiftCardEnded
        case "poor":
            raise BalanceTooLow(balance=row.left)
        case "no_use":
            raise UseNotFound
        case "ambiguous":
            raise UseAmbiguous
        case "single":
            raise DiscountNotReturnable
        case "too_much":
            raise ReturnTooLarge(left=row.left)
