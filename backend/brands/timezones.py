"""Time zones by their names in the IANA database."""

from functools import cache
from zoneinfo import available_timezones

from backend.errors import Invalid


class TimezoneUnknown(Invalid):
    """There is no such time zone. Use a name like Europe/Moscow."""


def check(name: str) -> None:
    """Let through the name of a time zone.

    Raises:
        TimezoneUnknown: there is none of that name.
    """
    if name not in _known():
        raise TimezoneUnknown


@cache
def _known() -> set[str]:
    return available_timezones()
