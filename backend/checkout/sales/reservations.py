"""Reservations: uses of codes that are held for a basket until a time."""

import base64
import hmac
from datetime import UTC, datetime
from typing import Any
from uuid import RFC_4122, UUID

import msgspec
import psycopg
from sqlalchemy import text

from backend.checkout.sales import quotes
from backend.checkout.sales.quote_request import (
    ATTEMPTS,
    CheckoutContext,
    CodesRefused,
    body_digest,
    build_request,
    compute_quote,
    invalidate_stale_rules,
    load_snapshot,
    refuse_or_retry,
    to_json,
)
from backend.checkout.schemas import ReservationIn
from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Busy, Conflict, Forbidden, Invalid
from backend.core.settings import Settings
from backend.shops.authentication import TillIdentity

RESERVE = text("""
    SELECT * FROM checkout_reserve_v2(:till, :key, :digest, :seconds, CAST(:takes AS jsonb), CAST(:answer AS jsonb),
        :most, CAST(:visitor AS text), :visitor_most)
""")
FIRST = text("""
    SELECT answer, digest <> :digest AS changed, expires_at,
        CASE WHEN state = 'open' AND expires_at <= now() THEN 'ended' ELSE state END AS state
    FROM reservations WHERE till_id = :till AND key = :key
""")
RELEASE = text("SELECT checkout_release(:till, :key)")
RESERVATIONS_FULL = "SB043"
RANDOM_VERSIONS = (4, 7)  # RFC 9562


class ReservationsTooMany(Conflict):
    """You have {most} open reservations, and may have no more. Sell or release one, or wait until one ends."""

    code = "reservations_too_many"


class ReservationIdInvalid(Invalid):
    """Pages reserve under a random UUID (version 4 or 7), which others cannot guess."""

    code = "reservation_id_invalid"


class ReleaseForbidden(Forbidden):
    """Send the `release` of the reservation's answer in the header Scanback-Release: only its maker gives it back."""

    code = "release_forbidden"


class ReservationResult(msgspec.Struct, frozen=True):
    """The first response to a reservation, and the secret that a page needs to release it."""

    answer: dict[str, Any]
    state: str
    expires_at: datetime
    release: str | None


async def reserve_codes(
    checkout: CheckoutContext, till: TillIdentity, key: str, body: ReservationIn, visitor: str = ""
) -> ReservationResult:
    """Reserve the uses of a basket's codes for some time. Idempotent by id. `visitor` is the caller's network.

    Raises:
        CodesRefused: a code cannot be used. BodyChanged: the id had another body. ReservationIdInvalid,
            ReservationsTooMany, Busy, TooManyRequests, Unauthenticated.
    """
    request, digest = build_request(checkout, till, body, key=None, reservation=key, visitor=visitor), body_digest(body)
    for _ in range(ATTEMPTS):
        snapshot = await load_snapshot(checkout, request)
        if snapshot.till.origins and not _is_random_uuid(key):
            raise ReservationIdInvalid
        quote = await compute_quote(checkout, request, snapshot)
        try:
            if snapshot.reserved is None and await refuse_or_retry(checkout, snapshot, quote):
                continue
        except CodesRefused:
            # The codes of this reservation may have been sold meanwhile: then there is a first response.
            rows = await checkout.db.rows(FIRST, till=till.till_id, key=key, digest=digest)
            if not rows:
                raise
            return _first_result(checkout.settings, snapshot.till, key, rows[0])
        takes = [quotes.code_use(row, request.buyer, till.shop_id) for row in quote.applied]
        limits = _reservation_limits(checkout.settings, snapshot.till, body.seconds, visitor)
        try:
            row = await checkout.db.call(
                RESERVE,
                till=till.till_id,
                key=key,
                digest=digest,
                takes=to_json(takes),
                answer=to_json(quote.response()),
                **limits,
            )
        except psycopg.Error as error:
            if error.sqlstate == RESERVATIONS_FULL:
                raise ReservationsTooMany(most=limits["visitor_most"] or limits["most"]) from error
            invalidate_stale_rules(checkout, quote, error)
            continue
        return _first_result(checkout.settings, snapshot.till, key, row)
    raise Busy(retry_after=1)


def _reservation_limits(settings: Settings, till: TillIdentity, seconds: int, visitor: str) -> dict[str, Any]:
    """The duration and the limits of a reservation. The caller of a page is anonymous, so each visitor has a limit."""
    numbers, day = settings.numbers, datetime.now(UTC).date()
    if not till.origins:
        most = numbers.at("open_reservations_per_till", day)
        return {"seconds": seconds, "most": most, "visitor": None, "visitor_most": None}
    return {
        "seconds": min(seconds, numbers.at("page_reservation_seconds", day)),
        "most": numbers.at("open_reservations_per_web_till", day),
        "visitor": hmac.digest(settings.pepper, b"visitor:" + visitor.encode(), "sha256")[:12].hex(),
        "visitor_most": numbers.at("open_reservations_per_visitor", day),
    }


def _is_random_uuid(key: str) -> bool:
    """Whether an id is a random UUID."""
    try:
        parsed = UUID(key)
    except ValueError:
        return False
    return str(parsed) == key.lower() and parsed.variant == RFC_4122 and parsed.version in RANDOM_VERSIONS


def _first_result(settings: Settings, till: TillIdentity, key: str, row: Any) -> ReservationResult:
    if row.changed:
        raise BodyChanged
    return ReservationResult(
        row.answer, row.state, row.expires_at, _release_secret(settings, till, key) if till.origins else None
    )


def _release_secret(settings: Settings, till: TillIdentity, key: str) -> str:
    """The release secret of a page's reservation. A repeat with the same id and body gets the same secret."""
    secret = hmac.digest(settings.pepper, f"release:{till.till_id}:{key}".encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


async def release_reservation(db: Database, settings: Settings, till: TillIdentity, key: str, secret: str = "") -> None:
    """Release a reservation. Idempotent.

    Raises:
        ReleaseForbidden: pages call with this token, and the caller did not make the reservation.
    """
    if till.origins and not hmac.compare_digest(secret.encode(), _release_secret(settings, till, key).encode()):
        raise ReleaseForbidden
    await db.rows(RELEASE, till=till.till_id, key=key)
