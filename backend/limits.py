"""Counters over windows of time, in the database, so that every process sees the same ones."""

import asyncio
import time
from datetime import date, datetime

from sqlalchemy import Index, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Database
from backend.errors import TooManyRequests
from payouts.models import Base


class Counter(Base):
    """How often something happened in the window that ends at a time; a later one begins anew."""

    __tablename__ = "counters"
    __table_args__ = (
        Index("ix_counters_ends_at", "ends_at"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime]


class Turns(Base):
    """What somebody outside still allows, over all processes: whoever wants to ask takes his turn in this row."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    day: Mapped[date] = mapped_column(server_default=func.current_date())
    used: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    paused_until: Mapped[datetime | None]


COUNT = text("SELECT * FROM limit_count(:key, :seconds, :add)")
TURN = text("SELECT * FROM limit_turn(:name, :gap, :per_day, :most)")
FAIL = text("SELECT limit_failure(:key, :most) AS wait")
SPENT = text("SELECT extract(epoch FROM ends_at - now())::int FROM counters WHERE key = :key AND count >= :most "
             "AND ends_at > now()")  # fmt: skip


# A turn is used at once or not at all: requests that bunch up would break the second of whoever is asked.
MOST_WAIT_MS, LATE_SECONDS = 2000, 0.05
# Turns stand farther apart than the rate says: of 18,000 questions on a busy machine one came 150 ms late, and six fell
# into a second that allowed five.
APART = 1.3
NO_END = 2**31 - 1


async def turn(db: Database, name: str, *, per_second: float, per_day: int = NO_END) -> datetime | None:
    """Take a turn to ask somebody outside, within his rate over all processes, and wait for it up to two seconds.

    None: it is now; else when to come again.
    """
    gap = round(1000 / per_second * APART)
    while True:
        row = await db.call(TURN, name=name, gap=gap, per_day=per_day, most=MOST_WAIT_MS)
        if row.wait is None:
            again: datetime = row.at
            return again
        begun = time.monotonic()
        await asyncio.sleep(row.wait / 1000)
        # Whoever overslept his turn takes another: nobody else has it, and it is only a part of a second.
        if time.monotonic() - begun <= row.wait / 1000 + LATE_SECONDS:
            return None


async def spend(db: Database, key: str, *, seconds: int, most: int, add: int = 1) -> None:
    """Count once more, in a transaction of its own: what the request does afterwards cannot undo it.

    Raises:
        TooManyRequests: the window is full; it says when the next one begins.
    """
    row = await db.call(COUNT, key=key, seconds=seconds, add=add)
    if row.total > most:
        raise TooManyRequests(retry_after=max(1, row.wait))


async def check(db: Database, key: str, *, most: int) -> None:
    """Look whether a window is full, and count nothing.

    Raises:
        TooManyRequests: it is.
    """
    rows = await db.rows(SPENT, key=key, most=most)
    if rows:
        raise TooManyRequests(retry_after=max(1, rows[0][0]))


async def fail(db: Database, key: str, *, most: int) -> int:
    """Count a failure; from `most` on each further one doubles the wait that `check` asks for. Returns the seconds of
    it, 0 while failures are free."""
    wait: int = (await db.call(FAIL, key=key, most=most)).wait
    return wait
