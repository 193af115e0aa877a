"""Counters over windows of time, in the database, so that every process sees the same ones."""

import asyncio
import random
import time
from datetime import date, datetime

import msgspec
from sqlalchemy import ARRAY, DateTime, Index, SmallInteger, String, func, text
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
    """What somebody outside still allows, over all processes: whoever wants to ask takes his turn in this row.

    Of `busy` each place is a turn that is taken until then.
    """

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    busy: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default="{}")
    day: Mapped[date] = mapped_column(server_default=func.current_date())
    used: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    paused_until: Mapped[datetime | None]


COUNT = text("SELECT * FROM limit_count(:key, :seconds, :add)")
TURN = text("SELECT * FROM limit_turn(:name, :places, :lease, :per_day)")
FREE = text("SELECT limit_free(:name, :place, :until, :cool)")
FAIL = text("SELECT limit_failure(:key, :most) AS wait")
SPENT = text("SELECT extract(epoch FROM ends_at - now())::int FROM counters WHERE key = :key AND count >= :most "
             "AND ends_at > now()")  # fmt: skip


WAIT_SECONDS, LOOK_SECONDS = 2.0, 0.2
# Beyond the second itself, for clocks that go unlike ours.
MARGIN_SECONDS = 0.02
NO_END = 2**31 - 1


class Turn(msgspec.Struct, frozen=True):
    """A turn that is ours until it is given back; its place is free again `cool` seconds later."""

    name: str
    place: int
    until: datetime
    cool: float


async def turn(db: Database, name: str, *, per_second: float, longest: float, per_day: int = NO_END) -> Turn | datetime:
    """Take a turn to ask somebody outside, within his rate over all processes, and wait for it up to two seconds.

    `longest`: for how many seconds asking may last. Without a turn: when to come again.
    There are as many turns as he allows questions a second, and each is kept from before its question leaves until a
    second after its answer came. However late a question arrives, all that arrive within one second have their turns
    at that second's end: there cannot be more of them.
    """
    places = max(1, int(per_second))
    cool = max(1.0, places / per_second) + MARGIN_SECONDS
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        row = await db.call(TURN, name=name, places=places, lease=longest + cool, per_day=per_day)
        if row.place is not None:
            return Turn(name, row.place, row.until, cool)
        if row.wait > WAIT_SECONDS or time.monotonic() > deadline:
            again: datetime = row.until
            return again
        # A turn may be given back before its time; a little at random, that not all look in the same moment.
        await asyncio.sleep(min(row.wait, LOOK_SECONDS) + random.uniform(0, LOOK_SECONDS / 4))  # noqa: S311 - no secret


async def give_back(db: Database, turn: Turn) -> None:
    """The answer is here. Whoever dies before gives back what he has when its time is over."""
    await db.rows(FREE, name=turn.name, place=turn.place, until=turn.until, cool=turn.cool)


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
