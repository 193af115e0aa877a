"""What the law counts in a calendar year and in a day, as dated settings: none of it is advice."""

from datetime import date, datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.language import money, say
from backend.settings import Settings

# The tax year is the calendar's, by the payer's clock.
YEAR_ZONE = ZoneInfo("Europe/Moscow")
Nature = Literal["gift", "discount", "service", "charity", "marketing", "settlement"]
NATURES: tuple[Nature, ...] = get_args(Nature)
# What the rungs of the identity ladder add to the name of a number.
RUNGS = ("", "_named", "_company")
SPANS = ("year", "order")  # and of numbers: an order's is that of all orders of a day

# A payer whose wallet the account has, or who gave it something this year, and each nature with what it came to.
USED = text("""
    SELECT b.id AS brand_id, b.name AS brand, t.tax, coalesce(r.rung, 0) AS own_rung,
        coalesce(orders_year_used(:account, b.id, :year, t.tax), 0) AS used
    FROM (SELECT g.brand_id FROM wallets w JOIN programmes g ON g.id = w.book_id WHERE w.owner_id = :account
        UNION SELECT brand_id FROM yearly_sums WHERE account_id = :account AND year = :year) AS p
    JOIN brands b ON b.id = p.brand_id CROSS JOIN unnest(CAST(:natures AS text[])) AS t (tax)
    LEFT JOIN rungs r ON r.account_id = :account AND r.brand_id = b.id
    ORDER BY b.id, t.tax
""")


class Limit(msgspec.Struct, frozen=True):
    """How far a year's limit of one payer and nature is used, in kopecks; `most` None: none is set."""

    brand_id: int
    brand: str
    tax: str
    used: int
    most: int | None
    warned: bool


def year(now: datetime) -> int:
    """The year that an order counts in."""
    return now.astimezone(YEAR_ZONE).year


def year_most(settings: Settings, tax: str, rung: int, now: datetime) -> int | None:
    """How much of a tax nature somebody on a rung may have of one payer in a year without a person looking at it, in
    kopecks; None: no limit is set."""
    return _of_rung(settings, f"year_most_{tax}", rung, now.astimezone(YEAR_ZONE).date())


def free_most(settings: Settings, tax: str, now: datetime) -> int | None:
    """What of a year's sum the law leaves free, whoever it is, in kopecks; None: it names no sum."""
    return year_most(settings, tax, 0, now)


def most(settings: Settings, now: datetime) -> str:
    """What a year and what a day may bring of one payer without a person of his looking at it, by nature and rung, in
    kopecks: as JSON for `orders_ask`."""
    day = now.astimezone(YEAR_ZONE).date()
    return msgspec.json.encode(
        {
            tax: [[_of_rung(settings, f"{span}_most_{tax}", rung, day) for span in SPANS] for rung in range(len(RUNGS))]
            for tax in NATURES
        }
    ).decode()


def _of_rung(settings: Settings, name: str, rung: int, day: date) -> int | None:
    """The number of the rung, or of the next one below that has one; 0 says that there is no limit."""
    for suffix in reversed(RUNGS[: rung + 1]):
        if name + suffix in settings.numbers.table:
            return settings.numbers.at(name + suffix, day) or None
    return None


def is_warned(settings: Settings, used: int, most: int | None, now: datetime) -> bool:
    """Whether a limit is near enough, or passed, for a word of warning."""
    return most is not None and used * 100 >= most * settings.numbers.at("year_warn_percent", now.date())


async def limits(db: Database, settings: Settings, account_id: int, now: datetime) -> list[Limit]:
    """The limits of an account that are set, and whatever it has had this year besides, by payer."""
    rows = await db.rows(USED, account=account_id, year=year(now), natures=list(NATURES))
    return [one for row in rows if (one := _limit(settings, row, now)).most is not None or one.used]


def _limit(settings: Settings, row: Any, now: datetime) -> Limit:
    most = year_most(settings, row.tax, row.own_rung, now)
    return Limit(row.brand_id, row.brand, row.tax, row.used, most, is_warned(settings, row.used, most, now))


def warning(used: int, most: int) -> str:
    """What a person reads who is near a limit; sums in kopecks."""
    return say(
        "You have had {used} of {most} from this brand this year. What is above waits for a person.",
        used=money(used, "RUB"),
        most=money(most, "RUB"),
    )
