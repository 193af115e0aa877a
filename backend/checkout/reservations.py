"""Uses of codes set aside for a basket until a time."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import text

from backend.checkout import quotes
from backend.checkout.asking import (
    ATTEMPTS,
    Checkout,
    CodesRefused,
    asked,
    digest_of,
    judge,
    look_again,
    look_up,
    wants_another_look,
    written,
)
from backend.checkout.schemas import ReservationIn
from backend.database import Database
from backend.errors import BodyChanged, Busy, Conflict
from backend.shops.door import TillAt

RESERVE = text("""
    SELECT * FROM checkout_reserve(:till, :key, :digest, :seconds, CAST(:takes AS jsonb), CAST(:answer AS jsonb),
        :most)
""")
FIRST = text("""
    SELECT answer, digest <> :digest AS changed, expires_at,
        CASE WHEN state = 'open' AND expires_at <= now() THEN 'ended' ELSE state END AS state
    FROM reservations WHERE till_id = :till AND key = :key
""")
RELEASE = text("SELECT checkout_release(:till, :key)")
FULL = "SB043"


class ReservationsTooMany(Conflict):
    """This till has {most} open reservations, and may have no more. Sell or release one, or wait until one ends."""


async def reserve(checkout: Checkout, till: TillAt, key: str, body: ReservationIn) -> Any:
    """Keep the uses of a basket's codes for some time; the same id again gives the first answer.

    Raises:
        CodesRefused: a code cannot be used. BodyChanged: the id had another body. ReservationsTooMany, Busy,
            TooManyRequests, Unauthenticated.
    """
    request, digest = asked(checkout, till, body, key=None, reservation=key), digest_of(body)
    most = checkout.settings.numbers.at("open_reservations_per_till", datetime.now(UTC).date())
    for _ in range(ATTEMPTS):
        look = await look_up(checkout, request)
        found = await judge(checkout, request, look)
        try:
            if look.reserved is None and await wants_another_look(checkout, look, found):
                continue
        except CodesRefused:
            # What this very reservation kept may be sold by now: then there is a first answer.
            rows = await checkout.db.rows(FIRST, till=till.till_id, key=key, digest=digest)
            if not rows:
                raise
            return _first(rows[0])
        takes = [quotes.using(row, request.buyer, till.shop_id) for row in found.applied]
        try:
            row = await checkout.db.call(
                RESERVE, till=till.till_id, key=key, digest=digest, seconds=body.seconds,
                takes=written(takes), answer=written(found.answer()), most=most,
            )  # fmt: skip
        except psycopg.Error as error:
            if error.sqlstate == FULL:
                raise ReservationsTooMany(most=most) from error
            look_again(checkout, found, error)
            continue
        return _first(row)
    raise Busy(retry_after=1)


def _first(row: Any) -> Any:
    if row.changed:
        raise BodyChanged
    return row


async def release(db: Database, till: TillAt, key: str) -> None:
    """Give back what a reservation keeps; again changes nothing."""
    await db.rows(RELEASE, till=till.till_id, key=key)
