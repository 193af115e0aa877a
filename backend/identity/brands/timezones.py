"""Time zones by their IANA names: only those in which Python and PostgreSQL have the same time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from backend.core.http.errors import Invalid

# Names that mean this machine's setting, or no zone at all. Other machines may not have them, or not the same.
NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
# Where the rules are compared: what still matters of the past, and beyond the longest life of a bonus (3660 days).
BEFORE, AFTER = timedelta(days=366), timedelta(days=3700)
HOUR = 3600
# A period in which PostgreSQL has one offset: since when (Unix seconds), and how many seconds ahead of UTC.
Period = tuple[int, int]

PERIODS = text("""
    SELECT at, ahead FROM (
        SELECT at, ahead, lag(ahead) OVER (ORDER BY at) AS before FROM (
            SELECT at, extract(epoch FROM
                (to_timestamp(at) AT TIME ZONE :zone) - (to_timestamp(at) AT TIME ZONE 'UTC'))::int AS ahead
            FROM generate_series(CAST(:first AS bigint), :last, 3600) AS at) AS hours) AS periods
    WHERE before IS DISTINCT FROM ahead ORDER BY at
""")
USED = text("SELECT timezone FROM programmes UNION SELECT timezone FROM shops ORDER BY 1")

_agreed: dict[str, bool] = {}  # rules do not change while a process runs


class TimezoneUnknown(Invalid):
    """There is no such time zone. Use a name like Europe/Moscow."""

    code = "timezone_unknown"


class TimezoneInvalid(Invalid):
    """The rules of this time zone are not the same everywhere. Use a name like Europe/Moscow."""

    code = "timezone_invalid"


async def check_timezone(session: AsyncSession, name: str) -> None:
    """Check the name of a time zone.

    Raises:
        TimezoneUnknown: there is none of that name. TimezoneInvalid: Python and PostgreSQL do not agree on it.
    """
    if name in NO_ZONES or name not in _known_timezones():
        raise TimezoneUnknown
    if not await is_consistent(await session.connection(), name):
        raise TimezoneInvalid


async def invalid_timezones(connection: AsyncConnection) -> list[str]:
    """The zones of programmes and shops that `check_timezone` would refuse today."""
    names = (await connection.execute(USED)).scalars().all()
    return [name for name in names if name in NO_ZONES or not await is_consistent(connection, name)]


async def is_consistent(connection: AsyncConnection, name: str) -> bool:
    """Whether Python and PostgreSQL know a zone and have the same time in it at every hour of the years that matter."""
    if name not in _agreed:
        _agreed[name] = name in _known_timezones() and await _rules_agree(connection, name)
    return _agreed[name]


async def _rules_agree(connection: AsyncConnection, name: str) -> bool:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = int((today - BEFORE).timestamp()), int((today + AFTER).timestamp())
    try:
        async with connection.begin_nested():
            rows = (await connection.execute(PERIODS, {"zone": name, "first": first, "last": last})).all()
    except DBAPIError:  # PostgreSQL does not know it
        return False
    periods = [(row.at, row.ahead) for row in rows]
    return await asyncio.to_thread(_python_has, name, periods, last)


def _python_has(name: str, periods: Sequence[Period], last: int) -> bool:
    """Whether Python has the same periods. Comparing 100,000 hours needs 0.1 s."""
    zone, ends = ZoneInfo(name), [at for at, _ in periods[1:]] + [last + HOUR]
    return all(
        datetime.fromtimestamp(hour, zone).utcoffset() == timedelta(seconds=ahead)
        for (begins, ahead), end in zip(periods, ends, strict=True)
        for hour in range(begins, end, HOUR)
    )


@cache
def _known_timezones() -> set[str]:
    return available_timezones()
