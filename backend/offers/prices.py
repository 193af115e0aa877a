"""What offers cost: a nominal in kopecks becomes a price in the programme's minor units by the rate of the day."""

from datetime import date
from typing import Any

from sqlalchemy import text

from backend.database import Database

KOPECKS = 100
# The rate of each programme that holds on a day; programmes in roubles need none.
RATES = text("""
    SELECT DISTINCT ON (programme_id) programme_id, per_rouble FROM programme_rates
    WHERE programme_id = ANY(:programmes) AND start <= :day ORDER BY programme_id, start DESC
""")


async def rates(db: Database, programmes: set[int], day: date) -> dict[int, int]:
    """Minor units for a rouble, by programme, where a rate was set."""
    rows = await db.rows(RATES, programmes=list(programmes), day=day) if programmes else []
    return {row.programme_id: row.per_rouble for row in rows}


def price(offer: Any, nominal: int, per_rouble: int | None) -> int | None:
    """What a nominal costs in minor units, rounded up; None: the programme has no rate for it. Pure."""
    if offer.price is not None:
        whole: int = offer.price
        return whole
    rate = KOPECKS if offer.currency == "RUB" else per_rouble
    return None if rate is None else -(-nominal * rate // KOPECKS)


def largest(offer: Any, available: int, per_rouble: int | None) -> int | None:
    """The largest nominal that a balance pays for; None: not even the smallest. Pure."""
    lowest = price(offer, offer.least, per_rouble)
    if lowest is None or lowest > available:
        return None
    steps = (offer.most - offer.least) // offer.step
    low, high = 0, steps
    while low < high:  # prices grow with nominals
        middle = (low + high + 1) // 2
        cost = price(offer, offer.least + middle * offer.step, per_rouble)
        low, high = (middle, high) if cost is not None and cost <= available else (low, middle - 1)
    return int(offer.least + low * offer.step)


def is_offered(offer: Any, nominal: int) -> bool:
    """Whether an offer has a nominal."""
    return bool(offer.least <= nominal <= offer.most and (nominal - offer.least) % offer.step == 0)
