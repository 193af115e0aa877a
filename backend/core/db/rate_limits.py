"""Rate limits of ours and quotas of providers, in the database, so that all processes share them."""

import asyncio
import random
import time
from datetime import date, datetime

import msgspec
from sqlalchemy import ARRAY, DateTime, Index, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db.database import Database
from backend.core.http.errors import TooManyRequests
from payouts.models import Base


class Counter(Base):
    """How often something happened in the window that ends at `ends_at`. The next window starts at zero."""

    __tablename__ = "counters"
    __table_args__ = (
        # For the sweep only: a query for open windows must not use it (see migration 0032).
        Index("ix_counters_ended", text("(ends_at AT TIME ZONE 'UTC')")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime]


class ProviderQuota(Base):
    """The quota of one provider or supplier, shared by all processes.

    Each element of `busy` is the time until which one permit is in use.
    """

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    busy: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default="{}")
    day: Mapped[date] = mapped_column(server_default=func.current_date())
    used: Mapped[int] = mapped_column(server_default="0")
    # The part of `used` that counts against a share of the day.
    used_share: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    paused_until: Mapped[datetime | None]


COUNT_REQUEST = text("SELECT * FROM limit_count(:key, :seconds, :add)")
ACQUIRE_PERMIT = text("SELECT * FROM provider_quota_acquire(:name, :places, :lease, :per_day, CAST(:share AS int))")
RELEASE_PERMIT = text("SELECT limit_free(:name, :place, :until, :cool)")
COUNT_FAILURE = text("SELECT limit_failure(:key, :most) AS wait")
FIND_FULL_WINDOW = text("""
    SELECT extract(epoch FROM ends_at - now())::int FROM counters WHERE key = :key AND count >= :most
        AND ends_at > now()
""")

WAIT_SECONDS, POLL_SECONDS = 2.0, 0.2
# Added to the second itself, because a provider's clock differs from ours.
MARGIN_SECONDS = 0.02
UNLIMITED = 2**31 - 1


class Permit(msgspec.Struct, frozen=True):
    """The right to send one request. Its place is free again `cooldown_seconds` after the release."""

    name: str
    place: int
    until: datetime
    cooldown_seconds: float


async def acquire_permit(
    db: Database,
    name: str,
    *,
    per_second: float,
    max_seconds: float,
    per_day: int = UNLIMITED,
    share: int | None = None,
) -> Permit | datetime:
    """Acquire a permit to send a request to a provider, within its rate over all processes. Waits up to two seconds.

    `max_seconds`: how long the request may last. `share`: how many permits of a day all requests of this kind may use;
    None: as many as `per_day`. Returns a time if there is no permit: when to try again.

    There are as many permits as the provider allows requests a second. Each is held from before its request is sent
    until a second after its response arrived. However late requests arrive, all that arrive within one second hold
    their permits at the end of that second, so they cannot be more than there are permits.
    """
    places = max(1, int(per_second))
    cooldown = max(1.0, places / per_second) + MARGIN_SECONDS
    lease = max_seconds + cooldown
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        row = await db.call(ACQUIRE_PERMIT, name=name, places=places, lease=lease, per_day=per_day, share=share)
        if row.place is not None:
            return Permit(name, row.place, row.until, cooldown)
        if row.wait > WAIT_SECONDS or time.monotonic() > deadline:
            retry_at: datetime = row.until
            return retry_at
        # A permit may be released before its time. Jitter, so that not all processes poll in the same moment.
        await asyncio.sleep(min(row.wait, POLL_SECONDS) + random.uniform(0, POLL_SECONDS / 4))  # noqa: S311 - no secret


async def release_permit(db: Database, permit: Permit) -> None:
    """Release a permit after the response. That of a process that died ends by itself when its lease does."""
    await db.rows(
        RELEASE_PERMIT, name=permit.name, place=permit.place, until=permit.until, cool=permit.cooldown_seconds
    )


async def count_request(db: Database, key: str, *, seconds: int, limit: int, add: int = 1) -> int:
    """Count a request in its window and return the count. A transaction of its own: a rollback of the request does not
    undo it.

    Raises:
        TooManyRequests: the window is full; `retry_after` is the time to its end.
    """
    row = await db.call(COUNT_REQUEST, key=key, seconds=seconds, add=add)
    if row.total > limit:
        raise TooManyRequests(retry_after=max(1, row.wait))
    total: int = row.total
    return total


async def check_limit(db: Database, key: str, *, limit: int) -> None:
    """Check that a window is not full, without counting.

    Raises:
        TooManyRequests: it is full.
    """
    rows = await db.rows(FIND_FULL_WINDOW, key=key, most=limit)
    if rows:
        raise TooManyRequests(retry_after=max(1, rows[0][0]))


async def count_failure(db: Database, key: str, *, limit: int) -> int:
    """Count a failure. From `limit` on each failure doubles the wait that `check_limit` enforces. Returns this wait in
    seconds, 0 below the limit."""
    wait: int = (await db.call(COUNT_FAILURE, key=key, most=limit)).wait
    return wait
