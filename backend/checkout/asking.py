"""A till's question: what it asks, what the database knows of it, and how it is judged."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from litestar.di import NamedDependency
from sqlalchemy import text

from backend import limits
from backend.checkout import quotes
from backend.checkout.looks import Look, Looks
from backend.checkout.quotes import Quote
from backend.checkout.reasons import OUTDONE
from backend.checkout.sales import Sales
from backend.checkout.schemas import QuoteIn
from backend.database import Database
from backend.errors import Conflict, Invalid, TooManyRequests
from backend.programmes.offers import Books
from backend.promocodes import spelling
from backend.promocodes.spelling import Spelled
from backend.settings import Settings
from backend.shops.door import TillAt

LAPSE = text("SELECT checkout_lapse(:most)")
ATTEMPTS = 4
# What the functions raise: the budget or the rules have moved, or others took the last use.
RULES_MOVED = "SB011"
LOOK_AGAIN = ("SB010", RULES_MOVED, "SB040")
WINDOW_SECONDS, LAPSED_AT_ONCE = 600, 500


class CodesRefused(Conflict):
    """A code cannot be used for this basket; `errors` says which and why. Nothing was sold."""


class LineTwice(Invalid):
    """A line number or an id stands twice in this request."""


class Checkout(msgspec.Struct, frozen=True):
    """What checkout needs of the process, in one piece."""

    db: Database
    settings: Settings
    books: Books
    looks: Looks
    sales: Sales

    @classmethod
    def of(cls, db: Database, settings: Settings, books: Books) -> "Checkout":
        """The checkout of a process."""
        return cls(db, settings, books, Looks(db), Sales(db))


TheCheckout = NamedDependency[Checkout]


class Request(msgspec.Struct, frozen=True):
    """A till's question: the basket with its codes as they are known, and for which deed."""

    till: TillAt
    body: QuoteIn
    given: list[tuple[str, Spelled | None]]
    buyer: str | None  # a keyed hash
    at: datetime
    key: str | None = None
    reservation: str | None = None


def asked(
    checkout: Checkout,
    till: TillAt,
    body: QuoteIn,
    key: str | None = None,
    reservation: str | None = None,
    at: datetime | None = None,
) -> Request:
    """What a body asks; the buyer is known by a keyed hash only.

    Raises:
        LineTwice: the basket has a line number twice.
    """
    once([line.line for line in body.basket])
    buyer = body.buyer and hmac.digest(checkout.settings.pepper, b"buyer:" + body.buyer.encode(), "sha256")[:12].hex()
    given = [(code, spelling.read(code)) for code in body.codes]
    return Request(till, body, given, buyer, at or datetime.now(UTC), key, reservation)


def once(names: Sequence[object]) -> None:
    """Refuse a list that names something twice: which of both is meant?

    Raises:
        LineTwice: it does.
    """
    if len(set(names)) < len(names):
        raise LineTwice


async def look_up(checkout: Checkout, request: Request) -> Look:
    """Look everything up, and ask whether the till is still let in.

    Raises:
        Unauthenticated: it is not. TooManyRequests: it gave too many codes that do not exist, and has to wait.
    """
    found = await checkout.looks.look(
        token=request.till.token, codes=[code.code for _, code in request.given if code],
        basket=request.body.basket, buyer=request.buyer, at=request.at, key=request.key,
        reservation=request.reservation,
    )  # fmt: skip
    most = checkout.settings.numbers.at("wrong_promo_codes_per_till", datetime.now(UTC).date())
    if (found.wrong or 0) >= most and not found.first:
        raise TooManyRequests(retry_after=60)
    return found


async def judge(checkout: Checkout, request: Request, look: Look, *, given_offline: bool = False) -> Quote:
    """Judge the codes of a request, and count those that do not exist."""
    books = {
        row.programme: await checkout.books.get(row.programme, row.rules_version) for row in look.codes if row.here
    }
    body = request.body
    found = quotes.make(
        look, request.given, books, body.basket, request.buyer, request.till.shop_id, request.at,
        given_offline=given_offline,
    )  # fmt: skip
    wrong = sum(row.reason == "unknown" for row in found.codes)
    if wrong:
        key = f"promo:till:{request.till.till_id}"
        await checkout.db.rows(limits.COUNT, key=key, seconds=WINDOW_SECONDS, add=wrong)
    return found


async def wants_another_look(checkout: Checkout, look: Look, found: Quote) -> bool:
    """Refuse a deed whose codes cannot be used; those that lose to others of the same basket are no reason. When
    reservations have lapsed that nobody swept, they are swept first: what is spent may be free again.

    Raises:
        CodesRefused: naming each code and its reason.
    """
    bad = [(row.given, row.reason) for row in found.codes if row.reason and row.reason not in OUTDONE]
    if bad and look.lapsed:
        await checkout.db.rows(LAPSE, most=LAPSED_AT_ONCE)
        return True
    if bad:
        refusal = CodesRefused()
        refusal.errors = bad
        raise refusal
    return False


def look_again(checkout: Checkout, found: Quote, error: psycopg.Error) -> None:
    """Forget what the database knows better, to look again; anything else is a fault.

    A last use or a budget that others took is nothing that a book says: it stays, however many tills come too late.
    """
    if error.sqlstate not in LOOK_AGAIN:
        raise error
    for row in found.applied:
        if row.known and error.sqlstate == RULES_MOVED:
            checkout.books.forget(row.known.programme)


def digest_of(body: msgspec.Struct) -> bytes:
    """Tells a repeat from another body under the same id, however it is spaced."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()[:16]


def written(value: Any) -> str:
    """JSON for a parameter."""
    return msgspec.json.encode(value).decode()
