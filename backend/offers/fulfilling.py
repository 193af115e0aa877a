"""The worker's part of orders: ask suppliers with no transaction open, and never buy twice.

An order is asked for under its own number for as long as nobody knows whether it was sold. Another supplier is asked
only when this one certainly did not sell. What nobody knows after a quarter of an hour, a person decides.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import structlog
from sqlalchemy import text

from backend import jobs, limits
from backend.database import Database
from backend.offers import certificate_codes
from backend.offers.ordering import owner
from backend.offers.supplies import Supplies
from backend.settings import Settings
from payouts.partners.supplying import Sold, Wanted

log = structlog.get_logger("scanback")

# How long an order waits for its next call, by its tries; all of them together stay below the sweeper's time.
WAITS = (1, 2, 5, 10, 20, 40, 60, 120, 120, 120, 120, 120)
# A call that was cut off may still be under way at the supplier: its "no" is believed when it cannot be so.
DOUBT_SECONDS = 60
SWEEP_SECONDS = 840  # after it a person looks: the agent was promised a quarter of an hour

CLAIM = text("""
    WITH due AS (
        SELECT id FROM orders WHERE due_at <= now() ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    UPDATE orders o SET due_at = now() + :lease * interval '1 second', tries = o.tries + 1
    FROM due, offers f, programmes g WHERE o.id = due.id AND f.id = o.offer_id AND g.id = o.programme_id
    RETURNING o.id, o.account_id, o.key, o.nominal, o.tries, o.supplier, o.unknown, o.placed_at, o.due_at, f.suppliers,
        f.valid_days, g.timezone
""")
# From the call on it may have been sold, whatever happens to this process.
CALLING = text("UPDATE orders SET unknown = true WHERE id = :id AND state = 'held' AND due_at = :claimed RETURNING id")
LATER = text("""
    UPDATE orders SET due_at = now() + :wait * interval '1 second', supplier = :supplier, unknown = :unknown
    WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
# It was no try. A little at random: orders that wait for one turn need not all ask for it in the same millisecond.
TURNLESS = text("""
    UPDATE orders SET due_at = greatest(:again_at, now()) + (0.1 + random()) * interval '1 second', tries = tries - 1
    WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
FOR_PERSON = text("""
    UPDATE orders SET for_person = true, due_at = NULL WHERE id = :id AND state = 'held' AND due_at = :claimed
""")
END = text("SELECT orders_end(:order, :done, :reason, :secret, :supplier, :reference, :valid_until, :today) AS ended")
TRIED = text("""
    INSERT INTO order_tries (order_id, supplier, result, code, http, milliseconds)
    VALUES (:order, :supplier, :result, :code, :http, :milliseconds)
""")

_running = asyncio.Lock()


class Counter(msgspec.Struct, frozen=True):
    """What fulfilling needs of the process, in one piece."""

    db: Database
    settings: Settings
    supplies: Supplies


@jobs.task("orders", cron="* * * * * *")
async def fulfil_due(*, counter: Counter) -> None:
    """Fulfil what is due. One run in a process is enough: it takes up what becomes due meanwhile."""
    if _running.locked():
        return
    async with _running:
        await fulfil_all(counter)


async def fulfil_all(counter: Counter) -> None:
    """Fulfil until nothing is due, or for some minutes."""

    async def claim(most: int) -> list[Any]:
        return await counter.db.rows(CLAIM, most=most, lease=counter.supplies.lease)

    await jobs.drain(claim, lambda row: _fulfil(counter, row))


async def _fulfil(counter: Counter, row: Any) -> None:
    """One order that is too much for us must not keep the others waiting: it comes again when its lease is over."""
    try:
        await fulfil(counter, row)
    except (psycopg.Error, LookupError, ValueError, TypeError) as error:
        log.exception("order_failed", order=row.id, error=type(error).__name__)


async def fulfil(counter: Counter, row: Any) -> None:
    """Bring one order a step further: done, refused, to be asked again, or a person's."""
    if row.tries > 1 and _age(row) > SWEEP_SECONDS:
        await counter.db.rows(FOR_PERSON, id=row.id, claimed=row.due_at)
        return
    if row.supplier >= len(row.suppliers):
        await _end(counter, row, Sold("refused", why="supplier_refused"), "")
        return
    name, product = row.suppliers[row.supplier]["name"], row.suppliers[row.supplier]["product"]
    turn = await counter.supplies.turn(name)
    if isinstance(turn, datetime):
        await counter.db.rows(TURNLESS, id=row.id, again_at=turn, claimed=row.due_at)
        return
    try:
        if row.unknown or await counter.db.rows(CALLING, id=row.id, claimed=row.due_at):
            wanted = Wanted(reference(row), product, row.nominal)
            sold = await _call(counter, row, name, wanted)
            await _go_by(counter, row, name, wanted, sold)
    finally:
        await limits.give_back(counter.db, turn)


def reference(row: Any) -> str:
    """The order's number for suppliers: with its UUID, because another installation counts from one, too."""
    return f"{row.id}-{row.key.hex}"


async def _call(counter: Counter, row: Any, name: str, wanted: Wanted) -> Sold:
    """Order under the order's own number: what was sold under it before is answered, not sold again."""
    begun = time.monotonic()
    sold = await counter.supplies.of(name).order(wanted)
    spent = round((time.monotonic() - begun) * 1000)
    await counter.db.rows(TRIED, order=row.id, supplier=name, result=sold.result, code=sold.why[:60], http=sold.http,
                          milliseconds=spent)  # fmt: skip
    log.info("order_asked", order=row.id, supplier=name, result=sold.result, ms=spent)
    return sold


async def _go_by(counter: Counter, row: Any, name: str, wanted: Wanted, sold: Sold) -> None:
    if sold.result == "sold":
        await _end(counter, row, sold, name)
    elif sold.result == "refused" and not row.unknown:
        await _later(counter.db, row, wait=0, supplier=row.supplier + 1, unknown=False)
    elif sold.result == "refused":
        # It was asked before, and nobody knew: only its own word on that question ends it.
        await asyncio.sleep(counter.supplies.pause(name))
        found = await counter.supplies.of(name).look(wanted)
        if found.result == "refused" and _age(row) > DOUBT_SECONDS:
            await _later(counter.db, row, wait=0, supplier=row.supplier + 1, unknown=False)
        elif found.result == "sold":
            await _end(counter, row, found, name)
        else:
            await _again(counter.db, row, unknown=True)
    elif sold.result == "busy":
        await _again(counter.db, row, unknown=row.unknown, least=sold.retry_after or 0)
    else:
        await _again(counter.db, row, unknown=True)


async def _again(db: Database, row: Any, *, unknown: bool, least: int = 0) -> None:
    """Ask again, or hand it to a person before the quarter of an hour is over."""
    wait = max(least, WAITS[min(row.tries, len(WAITS)) - 1])
    if _age(row) + wait > SWEEP_SECONDS:
        await db.rows(FOR_PERSON, id=row.id, claimed=row.due_at)
    else:
        await _later(db, row, wait=wait, supplier=row.supplier, unknown=unknown)


def _age(row: Any) -> float:
    return float((datetime.now(UTC) - row.placed_at).total_seconds())


async def _later(db: Database, row: Any, *, wait: float, supplier: int, unknown: bool) -> None:
    await db.rows(LATER, id=row.id, wait=wait, supplier=supplier, unknown=unknown, claimed=row.due_at)


async def _end(counter: Counter, row: Any, sold: Sold, name: str) -> None:
    today = datetime.now(ZoneInfo(row.timezone)).date()
    done = sold.result == "sold"
    secret = certificate_codes.seal(counter.settings, owner(row.account_id, row.key), sold.code) if done else None
    await counter.db.rows(
        END, order=row.id, done=done, reason=None if done else "supplier_refused", secret=secret, supplier=name or None,
        reference=sold.reference[:120] or None, valid_until=sold.valid_until, today=today,
    )  # fmt: skip
