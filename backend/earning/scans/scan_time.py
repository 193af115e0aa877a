"""The time of a scan: the phone's within bounds, else the time of arrival."""

from datetime import datetime, timedelta

import msgspec

from backend.core.settings import Settings

CLOCK_SKEW = timedelta(minutes=5)  # of phones
RULE, VERSION = "taken_at_unlikely", 1


class Signal(msgspec.Struct, frozen=True):
    """A finding of a fraud rule about a scan."""

    rule: str
    version: int
    shadow: bool
    inputs: dict[str, str]


class ScanTime(msgspec.Struct, frozen=True):
    """The time that decides campaign, cap and day of a scan, and the signal if the phone's time is unlikely."""

    at: datetime
    signal: Signal | None = None


def scan_time(settings: Settings, taken_at: datetime | None, now: datetime) -> ScanTime:
    """The effective time of a scan, not later than now. Pure.

    A time out of bounds would let a phone choose among campaigns and caps, so the time of arrival is used and the
    signal recorded. The rule is in shadow mode only: a phone's clock may be wrong for years.
    """
    if taken_at is None:
        return ScanTime(now)
    oldest = now - timedelta(hours=settings.numbers.at("scan_taken_hours", now.date()))
    if oldest <= taken_at <= now + CLOCK_SKEW:
        return ScanTime(min(taken_at, now))
    inputs = {"taken_at": taken_at.isoformat(), "arrived_at": now.isoformat()}
    return ScanTime(now, Signal(RULE, VERSION, shadow=True, inputs=inputs))
