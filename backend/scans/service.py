"""One button: texts in, outcomes out. What are codes that are new to us; then pay for those that deserve it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import text

from backend.accounts.door import Agent, refusals
from backend.database import Database
from backend.errors import BodyChanged, Busy, TooManyRequests
from backend.files.store import Files
from backend.packages import units
from backend.packages.known import Found, Spans
from backend.packages.service import Lookup, Unread
from backend.programmes.explain import Versions
from backend.programmes.offers import Books
from backend.programmes.rules import Facts, decide
from backend.scans import decisions, guesses, receipts
from backend.scans.decoder import Decoder
from backend.scans.outcomes import Incoming, Outcome, Record, outcome
from backend.scans.recorder import Call, Recorder
from backend.settings import Settings

LOOK = text("SELECT * FROM scans_look(:account, :device, CAST(:windows AS jsonb), CAST(:items AS jsonb))")
ANSWERED = text("""
    SELECT s.id, s.n, s.digest, s.kind, s.status, s.reason, a.programme_id,
        a.version_id, a.product_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on,
        CASE WHEN s.cause = 9 THEN s.cause_id END AS receipt_id
    FROM scans s LEFT JOIN accruals a ON s.status <> 'refused' AND a.cause = s.cause AND a.cause_id = s.cause_id
    WHERE s.account_id = :account AND s.id = ANY(:ids) ORDER BY s.n
""")
ATTEMPTS = 3
LOOK_AGAIN = ("SB010", "SB011")  # scans_record: others spent the budget or changed the rules


class Desk(msgspec.Struct, frozen=True):
    """What handling scans needs of the process, in one piece: the framework takes time for each it hands out."""

    db: Database
    settings: Settings
    books: Books
    versions: Versions
    decoder: Decoder
    spans: Spans
    files: Files
    recorder: Recorder


TheDesk = NamedDependency[SkipValidation[Desk]]  # the framework cannot check the union in it


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
        await guesses.slow_down(desk.db, desk.settings, agent, read, now)
        await guesses.count_misses(desk.db, agent, rows)
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
    sent = await receipts.send(desk.db, desk.settings, agent, texts, now)
    for _ in range(ATTEMPTS):
        found = await _look(desk, agent, read, now)
        records, programmes = await decisions.records(desk.books, texts, read, found, sent, now)
        await _number_units(desk, read, records)
        try:
            return await _record(desk, agent, read, records, now)
        except psycopg.Error as error:
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                desk.books.forget(programme)
    raise Busy(retry_after=1)


async def _look(desk: Desk, agent: Agent, read: Sequence[Lookup | Unread], now: datetime) -> dict[int, Any]:
    """Find what the codes are: from memory where it is the same state of the rules, else in the database."""
    found = {row.n: known for row in read if isinstance(row, Lookup) and (known := _known(desk, row, now))}
    asked = {row.n: row for row in read if isinstance(row, Lookup) and row.n not in found}
    if not asked:
        return found
    windows = guesses.windows(agent, desk.settings, now)
    with refusals():
        rows = await desk.db.rows(
            LOOK,
            account=agent.account_id,
            device=agent.device_id,
            windows=msgspec.json.encode(windows).decode(),
            items=msgspec.json.encode(list(asked.values())).decode(),
        )
    for row in rows:
        found[row.n] = row
        slot = asked[row.n].slot
        if slot is not None:
            desk.spans.learn(slot, row)
    return found


def _known(desk: Desk, row: Lookup, now: datetime) -> Found | None:
    """A code whose batch is known, if the rules that are in memory would pay it: scans_record asks for the rest."""
    if row.slot is None or row.serial is None:
        return None
    found = desk.spans.find(row.n, row.slot, row.serial)
    if found is None:
        return None
    book = desk.books.known.get(found.programme_id)
    if book is None or book.rules_version != found.rules_version:
        return None
    paid = decide(book.offers, Facts("package", found.product_id, found.price, now), book.timezone)
    return found if paid else None


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
    windows = guesses.windows(agent, desk.settings, now) + guesses.alarms(slots)
    per_minute = desk.settings.numbers.at("scans_per_minute", now.date())
    return await desk.recorder.record(Call(agent.account_id, agent.device_id, per_minute, windows, records))


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
