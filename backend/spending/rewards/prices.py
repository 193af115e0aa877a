"""Prices: a face value in kopecks is converted to the programme's minor units at the rate of the day."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.core.db.database import Database

KOPECKS = 100
# The rate of each programme today in its own time zone; programmes in roubles need none.
RATES = text("""
    SELECT DISTINCT ON (r.programme_id) r.programme_id, r.per_rouble
    FROM programme_rates r JOIN programmes g ON g.id = r.programme_id
    WHERE r.programme_id = ANY(:programmes) AND r.start <= (CAST(:now AS timestamptz) AT TIME ZONE g.timezone)::date
    ORDER BY r.programme_id, r.start DESC
""")


async def rates_by_programme(db: Database, programmes: set[int], now: datetime) -> dict[int, int]:
    """Minor units for a rouble by programme, for programmes with a rate."""
    rows = await db.rows(RATES, programmes=list(programmes), now=now) if programmes else []
    return {row.programme_id: row.per_rouble for row in rows}


def price_of(reward: Any, face_value: int, per_rouble: int | None) -> int | None:
    """The price of a face value in minor units, rounded up; None: the programme has no rate. Pure."""
    if reward.price is not None:
        fixed_price: int = reward.price
        return fixed_price
    rate = KOPECKS if reward.currency == "RUB" else per_rouble
    return None if rate is None else -(-face_value * rate // KOPECKS)


def largest_affordable(reward: Any, available: int, per_rouble: int | None) -> int | None:
    """The largest face value that a balance covers; None: not even the smallest. Pure."""
    lowest = price_of(reward, reward.least, per_rouble)
    if lowest is None or lowest > available:
        return None
    steps = (reward.most - reward.least) // reward.step
    low, high = 0, steps
    while low < high:  # prices grow with face values
        middle = (low + high + 1) // 2
        cost = price_of(reward, reward.least + middle * reward.step, per_rouble)
        low, high = (middle, high) if cost is not None and cost <= available else (low, middle - 1)
    return int(reward.least + low * reward.step)


def has_face_value(reward: Any, face_value: int) -> bool:
    """Whether a reward has a face value."""
    return bool(reward.least <= face_value <= reward.most and (face_value - reward.least) % reward.step == 0)
