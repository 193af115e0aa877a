"""Rate limits of unknown promo codes, per till and per visitor of a web shop's pages.

Anybody can use the token in a web shop's pages, so there each visitor's network has its own window, and the till's
limit is far higher. A full window refuses only baskets that contain unknown codes: an attacker who guesses codes does
not block the shop. Such a refusal still reveals which codes exist, so a second limit (`wrong_promo_codes_stop`) stops
all look-ups of codes.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text

from backend.checkout.sales.snapshot import CheckoutSnapshot
from backend.core.db.database import Database
from backend.core.http.errors import TooManyRequests
from backend.core.settings import Numbers
from backend.shops.authentication import TillIdentity

WINDOW_SECONDS = 600
# The till's counter always comes first, so that two requests that count for one visitor do not deadlock.
COUNT = text("""
    SELECT limit_count(key, :seconds, :add) FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k (key, n) ORDER BY n
""")


class AttemptWindow(NamedTuple):
    """How many unknown codes were given in a window, their limit, and the seconds until the window ends."""

    tried: int
    limit: int
    seconds_left: int


async def check_unknown_codes(
    db: Database, numbers: Numbers, snapshot: CheckoutSnapshot, visitor: str, *, given: int, unknown: int
) -> None:
    """Refuse a basket with unknown codes while a window is full of them.

    Raises:
        TooManyRequests: the limit is reached, or the second one, from which on no code is looked up.
    """
    windows = _attempt_windows(numbers, snapshot)
    stop = numbers.at("wrong_promo_codes_stop", datetime.now(UTC).date())
    if given and windows[0].tried >= stop:
        raise TooManyRequests(retry_after=windows[0].seconds_left)
    full = [window.seconds_left for window in windows if window.tried >= window.limit]
    if unknown and full:
        await count_unknown_codes(db, snapshot.till, visitor, unknown)
        raise TooManyRequests(retry_after=max(full))


async def count_unknown_codes(db: Database, till: TillIdentity, visitor: str, unknown: int) -> None:
    """Count unknown codes for the till, and for the visitor of its pages."""
    keys = [f"promo:till:{till.till_id}", *([f"promo:visitor:{visitor}"] if till.origins else [])]
    await db.rows(COUNT, keys=keys, seconds=WINDOW_SECONDS, add=unknown)


def _attempt_windows(numbers: Numbers, snapshot: CheckoutSnapshot) -> list[AttemptWindow]:
    """The windows in which a basket's codes count; the second limit applies to the first of them."""
    day = datetime.now(UTC).date()

    def window(number: str, tried: int | None, left: int | None) -> AttemptWindow:
        return AttemptWindow(tried or 0, numbers.at(number, day), max(1, left or 1))

    if not snapshot.till.origins:
        return [window("wrong_promo_codes_per_till", snapshot.wrong, snapshot.wrong_wait)]
    return [
        window("wrong_promo_codes_per_visitor", snapshot.visitor, snapshot.visitor_wait),
        window("wrong_promo_codes_per_web_till", snapshot.wrong, snapshot.wrong_wait),
    ]
