"""One button: texts in, outcomes out. Two round trips: what are these codes, and pay for those that deserve it."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar.di import NamedDependency
from sqlalchemy import text

from backend import limits
from backend.accounts.door import Agent
from backend.database import Database
from backend.errors import BodyChanged, Busy, TooManyRequests, Unauthenticated
from backend.packages import units
from backend.packages.service import Lookup, Unread
from backend.programmes.explain import Versions
from backend.programmes.offers import Books
from backend.scans import decisions
from backend.scans.decoder import Decoder
from backend.scans.outcomes import Incoming, Outcome, Record, outcome
from backend.settings import Settings

LOOK = text("SELECT * FROM scans_look(:keys, :most, CAST(:items AS jsonb))")
RECORD = text("SELECT * FROM scans_record(:account, :per_minute, :keys, :seconds, CAST(:items AS jsonb))")
ANSWERED = text("""
    SELECT s.id, s.n, s.digest, s.kind, s.status, s.reason, a.programme_id,
        a.version_id, a.product_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on
    FROM scans s LEFT JOIN accruals a ON s.status <> 'refused' AND a.cause = s.cause AND a.cause_id = s.cause_id
    WHERE s.account_id = :account AND s.id = ANY(:ids) ORDER BY s.n
""")
ATTEMPTS = 3
HOUR, DAY = 3600, 86400  # seconds
SLOWER_SECONDS, SLOWEST_SECONDS = 0.1, 2.0  # by each typing error beyond the limit, and at the most
# What scans_record raises: others spent the budget or changed the rules, and the account was closed meanwhile.
MISSES = ("unknown", "unlisted")
LOOK_AGAIN, CLOSED = ("SB010", "SB011"), "SB012"


class Desk(msgspec.Struct, frozen=True):
    """What handling scans needs of the process, in one piece: the framework takes time for each it hands out."""

    db: Database
    settings: Settings
    books: Books
    versions: Versions
    decoder: Decoder


TheDesk = NamedDependency[Desk]


async def first_answer(desk: Desk, agent: Agent, scan_id: UUID, digest: bytes) -> list[Outcome]:
    """What a picture's id was answered before: then the picture need not be read again.

    Raises:
        BodyChanged: it was another picture.
    """
    rows = await desk.db.rows(ANSWERED, account=agent.account_id, ids=[scan_id])
    if any(row.digest != digest for row in rows):
        raise BodyChanged
    return [outcome(scan_id, row.n, row, changed=False) for row in rows]


async def handle(desk: Desk, agent: Agent, texts: Sequence[Incoming], now: datetime) -> list[Outcome]:
    """Handle texts of one agent; each answer is the first one its id ever got, in the order of the texts.

    Raises:
        TooManyRequests: the agent's minute is full, or too many made-up codes came from here. Busy: the rules change
        faster than we can follow.
    """
    read = decisions.read(desk.settings, texts)
    try:
        rows = await _find_and_record(desk, agent, texts, read, now)
    except TooManyRequests:
        # What was answered once is answered again, whatever came in between.
        answered = await _answered(desk, agent, texts)
        if answered is None:
            raise
        return answered
    if not all(row.replayed for row in rows):
        await _slow_down(desk, agent, read, now)
        await _count_misses(desk, agent, rows)
    return _in_order(texts, rows)


def alone(outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes of one scan, which is refused as a whole; one of a queue is refused by itself.

    Raises:
        BodyChanged: its id had another body before.
    """
    if any(row.reason == "body_changed" for row in outcomes):
        raise BodyChanged
    return outcomes


async def _find_and_record(
    desk: Desk, agent: Agent, texts: Sequence[Incoming], read: Sequence[Lookup | Unread], now: datetime
) -> list[Any]:
    for _ in range(ATTEMPTS):
        found = await _look(desk, agent, read, now)
        records, programmes = await decisions.records(desk.books, texts, read, found, now)
        await _number_units(desk, read, records)
        try:
            return await _record(desk, agent, read, records, now)
        except psycopg.Error as error:
            if error.sqlstate == CLOSED:
                raise Unauthenticated from error
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                desk.books.forget(programme)
    raise Busy(retry_after=1)


async def _look(desk: Desk, agent: Agent, read: Sequence[Lookup | Unread], now: datetime) -> dict[int, Any]:
    """Find what the codes are, unless the agent is stopped for made-up ones."""
    numbers, day = desk.settings.numbers, now.date()
    asked = [row for row in read if isinstance(row, Lookup)]
    windows = _checked_windows(agent)
    with _limits():
        rows = await desk.db.rows(
            LOOK,
            keys=[key for key, _, _ in windows],
            most=[numbers.at(name, day) for _, name, _ in windows],
            items=msgspec.json.encode(asked).decode(),
        )
    return {row.n: row for row in rows}


async def _number_units(desk: Desk, read: Sequence[Lookup | Unread], records: Sequence[Record]) -> None:
    """Give units of no list that are paid for the first time their numbers; what pays nothing leaves no row."""
    new = {record.place: row for row, record in zip(read, records, strict=True)
           if isinstance(row, Lookup) and row.gtin and record.reason is None and record.cause_id is None}  # fmt: skip
    if not new:
        return
    numbers = await units.number(desk.db, list(new.values()))
    for place, row in new.items():
        records[place].cause_id = numbers[row.n]


async def _record(
    desk: Desk, agent: Agent, read: Sequence[Lookup | Unread], records: Sequence[Record], now: datetime
) -> list[Any]:
    """Write the answers, pay, and count what was made up, in one transaction."""
    slots = {row.slot for row, record in zip(read, records, strict=True) if record.reason == "unknown_code"}
    wrong = _counted_windows(agent, slots) if slots else []
    with _limits():
        return await desk.db.rows(
            RECORD,
            account=agent.account_id,
            per_minute=desk.settings.numbers.at("scans_per_minute", now.date()),
            keys=[key for key, _ in wrong],
            seconds=[seconds for _, seconds in wrong],
            items=msgspec.json.encode(records).decode(),
        )


def _counted_windows(agent: Agent, slots: set[int | None]) -> list[tuple[str, int]]:
    """Where made-up codes are counted, and for how long; a slot's counter stops nobody, it is an alarm."""
    named = sorted(slot for slot in slots if slot is not None)
    return [(key, seconds) for key, _, seconds in _guess_windows(agent)] + [
        (f"wrong:slot:{slot}", HOUR) for slot in named
    ]


@contextmanager
def _limits() -> Iterator[None]:
    """A limit that the database found full, as a refusal with its wait."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != "SB020":
            raise
        raise TooManyRequests(retry_after=int(error.diag.message_detail or 60)) from error


def _guess_windows(agent: Agent) -> tuple[tuple[str, str, int], ...]:
    """Fraud rule 1: where made-up codes are counted, the limit's name, and the window in seconds."""
    return (
        (f"wrong:account:{agent.account_id}", "wrong_codes_per_hour_per_account", HOUR),
        (f"wrong:device:{agent.device_id}", "wrong_codes_per_day_per_device", DAY),
        (f"wrong:network:{agent.network}", "wrong_codes_per_hour_per_network", HOUR),
    )


def _checked_windows(agent: Agent) -> tuple[tuple[str, str, int], ...]:
    return (*_guess_windows(agent), (f"missed:account:{agent.account_id}", "missed_codes_per_hour_per_account", HOUR))


async def _slow_down(desk: Desk, agent: Agent, read: Sequence[Lookup | Unread], now: datetime) -> None:
    """Count typing errors; beyond the limit each makes the answer wait. They never count as guessing (rule 2)."""
    typed = sum(isinstance(row, Unread) and row.reason == "typing_error" for row in read)
    if not typed:
        return
    most = desk.settings.numbers.at("typing_errors_per_hour", now.date())
    counted = await desk.db.call(limits.COUNT, key=f"typing:{agent.account_id}", seconds=HOUR, add=typed)
    if counted.total > most:
        await asyncio.sleep(min(SLOWEST_SECONDS, (counted.total - most) * SLOWER_SECONDS))


async def _count_misses(desk: Desk, agent: Agent, rows: Sequence[Any]) -> None:
    """Count texts that are nobody's code: a code printed elsewhere has no check symbol, so a guess at one looks like
    any other text. An honest phone meets few of them."""
    missed = sum(row.reason in MISSES and not row.replayed for row in rows)
    if missed:
        await desk.db.rows(limits.COUNT, key=f"missed:account:{agent.account_id}", seconds=HOUR, add=missed)


async def _answered(desk: Desk, agent: Agent, texts: Sequence[Incoming]) -> list[Outcome] | None:
    """The first answers to texts that all have one already."""
    rows = await desk.db.rows(ANSWERED, account=agent.account_id, ids=[text.id for text in texts])
    known = {(row.id, row.n): row for row in rows}
    if any((text.id, text.n) not in known for text in texts):
        return None
    found = [known[text.id, text.n] for text in texts]
    return [
        outcome(text.id, text.n, row, changed=row.digest != text.digest) for text, row in zip(texts, found, strict=True)
    ]


def _in_order(texts: Sequence[Incoming], rows: Sequence[Any]) -> list[Outcome]:
    by_place = {row.place: row for row in rows}
    return [
        outcome(text.id, text.n, by_place[place], changed=by_place[place].changed) for place, text in enumerate(texts)
    ]
