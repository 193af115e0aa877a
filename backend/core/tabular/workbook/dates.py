"""Numbers that are dates (18.17.4): days since 1900 or 1904."""

import re
from datetime import date, datetime, timedelta

# The first system counts a 29 February 1900 that never was.
_FROM_1900, _FROM_1904, _LEAP_MISTAKE = datetime(1899, 12, 30), datetime(1904, 1, 1), 60  # noqa: DTZ001 - wall time
_LAST = 2_958_466  # the first day of the year 10000
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:\.0+)?Z?)?")


def read(serial: float, *, is_1904: bool) -> str | None:
    """A date as ISO 8601, with the time where there is one; None where it is no date."""
    if not 0 <= serial < _LAST:
        return None
    if not is_1904 and int(serial) == _LEAP_MISTAKE:
        return None
    day = serial + 1 if not is_1904 and serial < _LEAP_MISTAKE else serial
    seconds = round((day % 1) * 86_400)
    moment = (_FROM_1904 if is_1904 else _FROM_1900) + timedelta(days=int(day), seconds=seconds)
    return moment.isoformat(timespec="seconds") if seconds else moment.date().isoformat()


def read_iso(text: str) -> str | None:
    """A date that the file writes out (strict files, `t="d"`), its midnight left out."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return None
    time = found[2] or ""
    return day.isoformat() if not time.strip("0:") else f"{day.isoformat()}T{time}"
