"""Legal limits of a calendar year and a day, from dated settings. None of it is advice."""

from datetime import date, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.language import money, translate
from backend.core.settings import Settings
from backend.spending.reward_kinds import TaxNature

# The tax year is the calendar year in the payer's time zone.
YEAR_ZONE = ZoneInfo("Europe/Moscow")
NATURES: tuple[TaxNature, ...] = get_args(TaxNature)
# The suffix of a number's name by verification level.
LEVEL_SUFFIXES = ("", "_named", "_company")
# Why an order waits at a legal limit, as its placing writes it (../sql/48_orders.sql).
LIMIT_REASONS = ("year_limit", "written_form")
LIMIT_PERIODS = ("year", "order")  # in names of numbers; `order` limits all orders of a day

# Each payer with a wallet of the account or with a sum this year, by tax nature, with the sum.
USED_AMOUNTS = text("""
    SELECT b.id AS brand_id, b.name AS brand, t.tax, coalesce(r.rung, 0) AS own_rung,
        coalesce(orders_year_used(:account, b.id, :year, t.tax), 0) AS used
    FROM (SELECT g.brand_id FROM wallets w JOIN programmes g ON g.id = w.book_id WHERE w.owner_id = :account
        UNION SELECT brand_id FROM yearly_sums WHERE account_id = :account AND year = :year) AS p
    JOIN brands b ON b.id = p.brand_id CROSS JOIN unnest(CAST(:natures AS text[])) AS t (tax)
    LEFT JOIN rungs r ON r.account_id = :account AND r.brand_id = b.id
    ORDER BY b.id, t.tax
""")


class YearLimit(msgspec.Struct, frozen=True):
    """The use of a yearly limit of one payer and nature, in kopecks; `limit` None: none is set."""

    brand_id: int
    brand: str
    tax: str
    used: int
    limit: int | None
    is_near: bool


def tax_year(now: datetime) -> int:
    """The year in which an order counts."""
    return now.astimezone(YEAR_ZONE).year


def is_at_limit(state: str, reason: str | None) -> bool:
    """Whether an order waits at a legal limit; until staff allow it, it is not counted in its year."""
    return state == "held" and reason in LIMIT_REASONS


def year_limit(settings: Settings, tax: str, level: int, now: datetime) -> int | None:
    """The yearly limit of one payer and tax nature on a verification level, in kopecks; None: no limit is set."""
    return _number_of_level(settings, f"year_most_{tax}", level, now.astimezone(YEAR_ZONE).date())


def tax_free_amount(settings: Settings, tax: str, now: datetime) -> int | None:
    """The tax-free part of a yearly sum in kopecks, on any level; None: the law names no sum."""
    return year_limit(settings, tax, 0, now)


def limits_json(settings: Settings, now: datetime) -> str:
    """The limits of a year and a day by nature and verification level, in kopecks, as JSON for `orders_submit`."""
    day = now.astimezone(YEAR_ZONE).date()
    return msgspec.json.encode(
        {
            tax: [
                [_number_of_level(settings, f"{span}_most_{tax}", level, day) for span in LIMIT_PERIODS]
                for level in range(len(LEVEL_SUFFIXES))
            ]
            for tax in NATURES
        }
    ).decode()


def _number_of_level(settings: Settings, name: str, level: int, day: date) -> int | None:
    """The number of the level, or of the next level below that has one; 0 means no limit."""
    for suffix in reversed(LEVEL_SUFFIXES[: level + 1]):
        if name + suffix in settings.numbers.table:
            return settings.numbers.at(name + suffix, day) or None
    return None


def is_near_limit(settings: Settings, used: int, limit: int | None, now: datetime) -> bool:
    """Whether the use of a limit is near it or above, so that a warning is shown."""
    return limit is not None and used * 100 >= limit * settings.numbers.at("year_warn_percent", now.date())


async def account_limits(db: Database, settings: Settings, account_id: int, now: datetime) -> list[YearLimit]:
    """The limits of an account by payer and nature, and its sums without a limit."""
    rows = await db.rows(USED_AMOUNTS, account=account_id, year=tax_year(now), natures=list(NATURES))
    return [limit for row in rows if (limit := _year_limit(settings, row, now)).limit is not None or limit.used]


def _year_limit(settings: Settings, row: Any, now: datetime) -> YearLimit:
    limit = year_limit(settings, row.tax, row.own_rung, now)
    return YearLimit(row.brand_id, row.brand, row.tax, row.used, limit, is_near_limit(settings, row.used, limit, now))


def limit_warning(used: int, limit: int) -> str:
    """The warning text near a limit; sums in kopecks."""
    return translate(
        "You have received {used} of {most} from this brand this year. Orders above the limit wait for the brand.",
        used=money(used, "RUB"),
        most=money(limit, "RUB"),
    )
