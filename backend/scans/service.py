"""One button: texts in, outcomes out. Two round trips: what are these codes, and pay for those that deserve it."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar.di import NamedDependency
from sqlalchemy import text

from backend import limits
from backend.accounts.door import Agent
from backend.database import Database
from backend.errors import BodyChanged, Busy, TooManyRequests
from backend.packages import service as packages
from backend.packages.service import Lookup, Unread
from backend.programmes.explain import Versions
from backend.programmes.offers import Books
from backend.programmes.rules import Decision, Facts, Way, decide
from backend.scans.decoder import Decoder
from backend.settings import Settings
from scanning import payload
from scanning.payload import Payload

LOOK = text("SELECT * FROM scans_look(:keys, :most, CAST(:items AS jsonb))")
RECORD = text("SELECT * FROM scans_record(:account, :per_minute, CAST(:items AS jsonb))")
FIRST = text("""
    SELECT s.id, s.n, s.digest <> :digest AS changed, true AS replayed, s.kind, s.status, s.reason, a.programme_id,
        a.version_id, a.product_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on
    FROM scans s LEFT JOIN accruals a ON s.status <> 'refused' AND a.cause = s.cause AND a.cause_id = s.cause_id
    WHERE s.account_id = :account AND s.id = :id ORDER BY s.n
""")
ATTEMPTS = 3
HOUR, DAY = 3600, 86400

# What a kind that has no feature yet says next; the later features take these lines out.
UNSERVED = {"receipt": "not_yet_served", "promo": "show_at_till", "certificate": "show_at_till"}


class Incoming(msgspec.Struct, frozen=True):
    """One text to handle, under the phone's id; `n` counts the codes of one picture."""

    id: UUID
    n: int
    digest: bytes
    payload: Payload


class Outcome(msgspec.Struct, frozen=True):
    """What became of one text; amounts in minor units."""

    id: UUID
    n: int
    replayed: bool
    kind: str
    status: str
    reason: str | None
    programme_id: int | None
    version_id: int | None
    product_id: int | None
    base: int | None
    gross: int | None
    amount: int | None
    matures_on: date | None
    expires_on: date | None


class Record(msgspec.Struct, omit_defaults=True):
    """What scans_record is told about one text: a decision to pay, or a reason not to."""

    id: UUID
    n: int
    digest: str
    kind: str
    reason: str | None = None
    cause: int | None = None
    cause_id: int | None = None
    slot: int | None = None
    serial: int | None = None
    brand: int | None = None
    programme: int | None = None
    rules_version: int | None = None
    campaign: int | None = None
    version: int | None = None
    product: int | None = None
    base: int | None = None
    gross: int | None = None
    day_cap: int | None = None
    budgeted: bool | None = None
    today: date | None = None
    matures_on: date | None = None
    expires_on: date | None = None


class Desk(msgspec.Struct, frozen=True):
    """What handling scans needs of the process, in one piece: the framework takes time for each it hands out."""

    db: Database
    settings: Settings
    books: Books
    versions: Versions
    decoder: Decoder


TheDesk = NamedDependency[Desk]


def incoming(scan_id: UUID, scanned: str) -> Incoming:
    """A text as the phone sent it; its digest tells a repeat from another body under the same id."""
    digest = hashlib.sha256(scanned.encode("utf-8", "replace")).digest()[:16]
    return Incoming(scan_id, 0, digest, payload.classify(scanned))


async def first_answer(desk: Desk, agent: Agent, scan_id: UUID, digest: bytes) -> list[Outcome]:
    """What a picture's id was answered before: then the picture need not be read again.

    Raises:
        BodyChanged: it was another picture.
    """
    rows = await desk.db.rows(FIRST, account=agent.account_id, id=scan_id, digest=digest)
    if any(row.changed for row in rows):
        raise BodyChanged
    return [_outcome(row) for row in rows]


def from_picture(scan_id: UUID, digest: bytes, found: Sequence[Payload]) -> list[Incoming]:
    """The codes of one picture, numbered; a picture without any is an answer, too."""
    return [Incoming(scan_id, n, digest, code) for n, code in enumerate(found)] or [
        Incoming(scan_id, 0, digest, Payload("unknown", ""))
    ]


async def handle(desk: Desk, agent: Agent, texts: Sequence[Incoming], now: datetime) -> list[Outcome]:
    """Handle texts of one agent; each answer is the first one its id ever got, in the order of the texts.

    Raises:
        BodyChanged: a single text came under an id that had another body. TooManyRequests: the agent's minute is
        full, or too many made-up codes came from here. Busy: the rules change faster than we can follow.
    """
    read = _read(desk.settings, texts)
    guessed = [row for row in read if isinstance(row, Unread) and row.reason == "unknown_code"]
    typed = sum(isinstance(row, Unread) and row.reason == "typing_error" for row in read)
    for _ in range(ATTEMPTS):
        found = await _look(desk, agent, read, now)
        records, programmes = await _decide(desk, texts, read, found, now)
        try:
            rows = await _record(desk, agent, records, now)
        except psycopg.Error as error:
            if error.sqlstate not in ("SB010", "SB011"):
                raise
            for programme in programmes:
                desk.books.forget(programme)
            continue
        await _count_failures(desk, agent, guessed, typed, rows, now)
        return _in_order(texts, rows)
    raise Busy(retry_after=1)


def _read(settings: Settings, texts: Sequence[Incoming]) -> list[Lookup | Unread]:
    """What each text asks of the database, or why it is refused already."""
    read: list[Lookup | Unread | None] = [None] * len(texts)
    computed = [(place, row.payload.value) for place, row in enumerate(texts) if row.payload.kind == "package"]
    many = packages.read_many(settings, computed) if len(computed) > 1 else [
        packages.read_package(settings, place, value) for place, value in computed
    ]  # fmt: skip
    for (place, _), row in zip(computed, many, strict=True):
        read[place] = row
    return [row or _read_other(settings, place, texts[place].payload) for place, row in enumerate(read)]


def _read_other(settings: Settings, place: int, found: Payload) -> Lookup | Unread:
    if not found.value:
        return Unread("nothing_found")
    if found.kind == "marking":
        return packages.read_marking(place, found.value)
    if found.kind in UNSERVED:
        return Unread(UNSERVED[found.kind])
    return packages.read_foreign(settings, place, found.value)


async def _look(desk: Desk, agent: Agent, read: Sequence[Lookup | Unread], now: datetime) -> dict[int, Any]:
    """Find what the codes are, unless the agent is stopped for made-up ones."""
    numbers, day = desk.settings.numbers, now.date()
    asked = [row for row in read if isinstance(row, Lookup)]
    windows = _guess_windows(agent)
    with _limits():
        rows = await desk.db.rows(
            LOOK,
            keys=[key for key, _, _ in windows],
            most=[numbers.at(name, day) for _, name, _ in windows],
            items=msgspec.json.encode(asked).decode(),
        )
    return {row.n: row for row in rows}


async def _record(desk: Desk, agent: Agent, records: Sequence[Record], now: datetime) -> list[Any]:
    """Write the answers and pay, in one transaction."""
    with _limits():
        return await desk.db.rows(
            RECORD,
            account=agent.account_id,
            per_minute=desk.settings.numbers.at("scans_per_minute", now.date()),
            items=msgspec.json.encode(records).decode(),
        )


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


async def _decide(
    desk: Desk,
    texts: Sequence[Incoming],
    read: Sequence[Lookup | Unread],
    found: dict[int, Any],
    now: datetime,
) -> tuple[list[Record], set[int]]:
    """What to record for each text, and the programmes whose rules were used."""
    records, programmes = [], set()
    for place, (incoming_text, asked) in enumerate(zip(texts, read, strict=True)):
        row = found.get(place)
        record = Record(incoming_text.id, incoming_text.n, incoming_text.digest.hex(), incoming_text.payload.kind)
        records.append(record)
        if isinstance(asked, Unread) or row is None:
            record.reason = asked.reason if isinstance(asked, Unread) else "unknown_code"
            continue
        record.cause, record.cause_id, record.reason = row.cause, row.cause_id, row.reason
        if asked.digest is not None and row.cause is None:
            record.reason = "unknown"
        elif asked.digest is not None:
            record.kind = "package"
        if record.reason is None:
            programmes.add(row.programme_id)
            await _price(desk, record, row, asked, now)
    return records, programmes


async def _price(desk: Desk, record: Record, row: Any, asked: Lookup, now: datetime) -> None:
    """Ask the rules what a found code earns."""
    book = await desk.books.get(row.programme_id, row.rules_version)
    way: Way = "marking" if asked.gtin else "package"
    decision = decide(book.offers, Facts(way, row.product_id, row.price, now), book.timezone)
    if decision is None:
        record.reason = "no_campaign"
        return
    record.slot, record.serial = asked.slot, asked.serial
    record.brand, record.programme, record.rules_version = row.brand_id, row.programme_id, book.rules_version
    record.product = row.product_id
    _put(record, decision)


def _put(record: Record, decision: Decision) -> None:
    offer = decision.offer
    record.campaign, record.version = offer.campaign_id, offer.version_id
    record.base, record.gross = decision.base, decision.gross
    record.day_cap, record.budgeted = offer.rule.cap_per_agent_day, offer.budgeted
    record.today, record.matures_on, record.expires_on = (
        decision.today,
        decision.matures_on,
        decision.expires_on,
    )


async def _count_failures(
    desk: Desk, agent: Agent, guessed: Sequence[Unread], typed: int, rows: Sequence[Any], now: datetime
) -> None:
    """Count made-up codes and typing errors; a repeat of an answered scan is not a new guess."""
    if all(row.replayed for row in rows):
        return
    if guessed:
        for key, _, seconds in _guess_windows(agent):
            await desk.db.rows(limits.COUNT, key=key, seconds=seconds, add=len(guessed))
        for slot in {row.slot for row in guessed if row.slot is not None}:
            await desk.db.rows(limits.COUNT, key=f"wrong:slot:{slot}", seconds=HOUR, add=1)
    if typed:
        most = desk.settings.numbers.at("typing_errors_per_hour", now.date())
        counted = await desk.db.call(limits.COUNT, key=f"typing:{agent.account_id}", seconds=HOUR, add=typed)
        if counted.total > most:
            # Rule 2 slows down and never counts as guessing.
            await asyncio.sleep(min(2.0, (counted.total - most) * 0.1))


def _in_order(texts: Sequence[Incoming], rows: Sequence[Any]) -> list[Outcome]:
    by_place = {(row.id, row.n): row for row in rows}
    if len(texts) == 1 and rows[0].changed:
        raise BodyChanged
    return [_outcome(by_place[text.id, text.n]) for text in texts]


def _outcome(row: Any) -> Outcome:
    values = {name: getattr(row, name) for name in Outcome.__struct_fields__}
    if row.changed:
        values |= {"status": "refused", "reason": "body_changed", "amount": None, "version_id": None}
    return Outcome(**values)
