"""Filters of lists and figures: a period and optional keys."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from backend.core.http.errors import Invalid
from backend.identity.brands.authentication import Member
from backend.spending.accounting.service import Period
from backend.spending.accounting.tax import YEAR_ZONE

DEFAULT_DAYS, MAX_DAYS = 30, 366
# Ids grow with time, except for rows of concurrent transactions: see reporting_first_id.
SLACK = timedelta(minutes=10)


class PeriodLimited(Invalid):
    """A period has 366 days at most. Ask for a shorter one."""

    code = "period_limited"


class Filters(NamedTuple):
    """A period, the brand's keys of campaign, product and shop, a card number and a status; None does not filter."""

    period: Period
    campaign: str | None = None
    product: str | None = None
    shop: str | None = None
    agent: str | None = None
    status: str | None = None

    def values(self, member: Member) -> dict[str, object]:
        """The parameters of a query."""
        return _filter_values(member, self)


class AuditFilters(NamedTuple):
    """A period, the e-mail of a member of staff, and a kind of events, or all kinds of a subject: `staff.`."""

    period: Period
    member: str | None = None
    kind: str | None = None

    def values(self, member: Member) -> dict[str, object]:
        """The parameters of a query."""
        return _filter_values(member, self)


def _filter_values(member: Member, wanted: Filters | AuditFilters) -> dict[str, object]:
    values = wanted._asdict()
    period: Period = values.pop("period")
    return values | {"brand": member.brand_id, "since": period.since, "upto": period.upto, "slack": SLACK}


def parse_period(first: date | None, last: date | None, now: datetime) -> Period:
    """A period, by default the last thirty days.

    Raises:
        PeriodInvalid: it ends before it begins, or after today. PeriodLimited: it is too long.
    """
    last = last or now.astimezone(YEAR_ZONE).date()
    earliest = date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS))
    period = Period(first or earliest, last).check(now)
    if (period.last - period.first).days >= MAX_DAYS:
        raise PeriodLimited
    return period


def period_condition(table: str, id_column: str, at_column: str) -> str:
    """A condition that limits a query to the range of a table's ids in which the period lies."""
    at = at_column.partition(".")[2] or at_column
    # In a sub-select the function runs once; in the filter of another index it would run for each row.
    first = f"(SELECT reporting_first_id('{table}', '{at}', CAST(:since AS timestamptz) - CAST(:slack AS interval)))"
    last = f"(SELECT reporting_first_id('{table}', '{at}', CAST(:upto AS timestamptz) + CAST(:slack AS interval)))"
    return (
        f"{id_column} >= {first} AND {id_column} < {last} "
        f"AND {at_column} >= CAST(:since AS timestamptz) AND {at_column} < CAST(:upto AS timestamptz)"
    )


def equality_condition(column: str, name: str) -> str:
    """A condition that a column equals a parameter; always true where the parameter is null."""
    return f"(CAST(:{name} AS text) IS NULL OR {column} = CAST(:{name} AS text))"
