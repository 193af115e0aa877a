"""Quote requests of tills: their context, the snapshot they are decided on, and the retry when it is stale."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from litestar.di import NamedDependency
from sqlalchemy import text

from backend.checkout import reasons
from backend.checkout.reasons import OUTRANKED
from backend.checkout.sales import abuse_limits, quotes
from backend.checkout.sales.quotes import Quote
from backend.checkout.sales.sales import SaleWriter
from backend.checkout.sales.snapshot import CheckoutSnapshot, SnapshotReader
from backend.checkout.schemas import QuoteIn
from backend.core.db.database import Database
from backend.core.http.errors import Conflict, Invalid
from backend.core.settings import Settings
from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.code_parser import SpelledCode
from backend.programmes.rules.rule_cache import RuleCache
from backend.shops.authentication import TillIdentity

LAPSE = text("SELECT expire_reservations(:most)")
ATTEMPTS = 4
# SQLSTATEs of the SQL functions: the budget or the rules have changed, or others took the last use or the rest of the
# debt limit.
RULES_MOVED = "SB011"
RETRIED_STATES = ("SB010", RULES_MOVED, "SB040", "SB044")
LAPSE_BATCH = 500


class CodesRefused(Conflict):
    """A code cannot be used for this basket; `errors` has the code and the reason. Nothing was sold."""

    code = "codes_refused"


class LineTwice(Invalid):
    """A line number or an id appears twice in this request."""

    code = "line_twice"


class CheckoutContext(msgspec.Struct, frozen=True):
    """The services of the process that checkout uses."""

    db: Database
    settings: Settings
    rule_cache: RuleCache
    snapshots: SnapshotReader
    sales: SaleWriter

    @classmethod
    def of(cls, db: Database, settings: Settings, rule_cache: RuleCache) -> "CheckoutContext":
        """The context of a process."""
        return cls(db, settings, rule_cache, SnapshotReader(db), SaleWriter(db))


CurrentCheckout = NamedDependency[CheckoutContext]


class QuoteRequest(msgspec.Struct, frozen=True):
    """A till's request: the basket with its parsed codes, and the sale or reservation that it is for."""

    till: TillIdentity
    body: QuoteIn
    given: list[tuple[str, SpelledCode | None]]
    buyer: str | None  # a keyed hash
    at: datetime
    key: str | None = None
    reservation: str | None = None
    visitor: str = ""  # the caller's network, if pages of a web shop call


def build_request(
    checkout: CheckoutContext,
    till: TillIdentity,
    body: QuoteIn,
    key: str | None = None,
    reservation: str | None = None,
    at: datetime | None = None,
    visitor: str = "",
) -> QuoteRequest:
    """Build a request from its body. Only a keyed hash of the buyer is used.

    Raises:
        LineTwice: the basket has a line number twice.
    """
    reject_duplicates([line.line for line in body.basket])
    buyer = body.buyer and hmac.digest(checkout.settings.pepper, b"buyer:" + body.buyer.encode(), "sha256")[:12].hex()
    given = [(code, code_parser.parse_code(code)) for code in body.codes]
    return QuoteRequest(till, body, given, buyer, at or datetime.now(UTC), key, reservation, visitor)


def reject_duplicates(names: Sequence[object]) -> None:
    """Refuse a list with duplicates: it is not clear which of both is meant.

    Raises:
        LineTwice: there is a duplicate.
    """
    if len(set(names)) < len(names):
        raise LineTwice


async def load_snapshot(checkout: CheckoutContext, request: QuoteRequest) -> CheckoutSnapshot:
    """Read the snapshot of a request, and check that the till is still signed in.

    Raises:
        Unauthenticated: it is not. TooManyRequests: too many unknown codes were given (abuse_limits.py).
    """
    numbers, day = checkout.settings.numbers, datetime.now(UTC).date()
    snapshot = await checkout.snapshots.read_snapshot(
        token=request.till.token,
        codes=[code.code for _, code in request.given if code],
        basket=request.body.basket,
        buyer=request.buyer,
        at=request.at,
        key=request.key,
        reservation=request.reservation,
        visitor=request.visitor or None,
        stop_at=numbers.at("wrong_promo_codes_stop", day),
    )
    if not snapshot.first:
        existing = {row.code for row in snapshot.codes}
        unknown = sum(code is None or code.code not in existing for _, code in request.given)
        await abuse_limits.check_unknown_codes(
            checkout.db, numbers, snapshot, request.visitor, given=len(request.given), unknown=unknown
        )
    return snapshot


async def compute_quote(
    checkout: CheckoutContext, request: QuoteRequest, snapshot: CheckoutSnapshot, *, given_offline: bool = False
) -> Quote:
    """Evaluate the codes of a request, and count the unknown ones."""
    rule_sets = {
        row.programme: await checkout.rule_cache.get(row.programme, row.rules_version)
        for row in snapshot.codes
        if row.here
    }
    quote = quotes.evaluate_codes(
        snapshot,
        request.given,
        rule_sets,
        request.body.basket,
        request.buyer,
        request.till.shop_id,
        request.at,
        given_offline=given_offline,
    )
    unknown = sum(row.reason == "unknown" for row in quote.codes)
    if unknown:
        await abuse_limits.count_unknown_codes(checkout.db, snapshot.till, request.visitor, unknown)
    return quote


async def refuse_or_retry(checkout: CheckoutContext, snapshot: CheckoutSnapshot, quote: Quote) -> bool:
    """Refuse a request whose codes cannot be used; a code that other codes of the basket outrank is no reason. Returns
    True if the caller must read a new snapshot: expired reservations were released, so a spent code may be free again.

    Raises:
        CodesRefused: naming each code and its reason.
    """
    refused = [
        (row.given, row.reason, reasons.reason_text(row.reason))
        for row in quote.codes
        if row.reason and row.reason not in OUTRANKED
    ]
    if refused and snapshot.lapsed:
        await checkout.db.rows(LAPSE, most=LAPSE_BATCH)
        return True
    if refused:
        refusal = CodesRefused()
        refusal.errors = refused
        raise refusal
    return False


def invalidate_stale_rules(checkout: CheckoutContext, quote: Quote, error: psycopg.Error) -> None:
    """Drop cached rules that the database has newer versions of, so that the caller can retry. Raises any error that a
    retry does not help against.

    A last use or a budget that others took is not part of the rules: the cache keeps them, however many tills lose.
    """
    if error.sqlstate not in RETRIED_STATES:
        raise error
    for row in quote.applied:
        if row.code and error.sqlstate == RULES_MOVED:
            checkout.rule_cache.forget(row.code.programme)


def body_digest(body: msgspec.Struct) -> bytes:
    """A digest that distinguishes a repeated request from another body under the same id, whatever the whitespace."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()[:16]


def to_json(value: Any) -> str:
    """A value as JSON for a parameter of an SQL function."""
    return msgspec.json.encode(value).decode()
