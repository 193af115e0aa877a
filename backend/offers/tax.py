"""What the law counts in a calendar year, as dated settings: none of it is advice."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.settings import Settings

# The tax year is the calendar's, by the payer's clock.
YEAR_ZONE = ZoneInfo("Europe/Moscow")


def year(now: datetime) -> int:
    """The year that an order counts in."""
    return now.astimezone(YEAR_ZONE).year


def year_most(settings: Settings, offer: Any, now: datetime) -> int | None:
    """How much of this tax nature an agent may have of one payer in a year, in kopecks; None: no limit is set."""
    return settings.numbers.at(f"year_most_{offer.tax}", now.date()) or None
