"""The worker's part: take what is due, ask a provider with no transaction open, and go by its answer."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog
from sqlalchemy import text

from backend import jobs
from backend.database import Database
from backend.programmes.offers import Books
from backend.receipts import returns, settling
from backend.receipts.asking import TROUBLE, Providers, question
from backend.receipts.catalogues import Catalogues
from backend.receipts.providers.asking import Answer
from backend.receipts.settling import Accepted, Unsettled
from backend.settings import Settings
from scanning import document, personal
from scanning.document import Document, DocumentUnreadable

log = structlog.get_logger("scanback")

MINUTE = 60  # seconds
RETURN = 2  # tag 1054
STEPS = 8  # of the ladder: `receipt_retry_1` and so on say how long a receipt waits that was not there yet
CALLBACK_HOURS = 24  # after that another provider is asked
PEOPLE = timedelta(hours=24)  # what a person has before `decide_by`, whatever kept the providers from answering
NEAR = timedelta(minutes=5)  # tills round, and their clocks go wrong

CLAIM = text("""
    WITH due AS (
        SELECT id FROM receipts WHERE due_at <= now() ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    UPDATE receipts r SET due_at = now() + :lease * interval '1 second' FROM due WHERE r.id = due.id
    RETURNING r.id, r.account_id, r.country, r.identity, r.fp, r.canonical, r.at, r.total, r.operation, r.sent_at,
        r.tries, r.provider, r.due_at, r.decide_by
""")
CACHED = text("SELECT document FROM receipt_documents WHERE country = :country AND identity = :identity")
KEEP = text("""
    INSERT INTO receipt_documents (country, identity, provider, document, raw)
    VALUES (:country, :identity, :provider, CAST(:document AS jsonb), CAST(:raw AS jsonb)) ON CONFLICT DO NOTHING
""")
# Only whoever holds the claim may write: the time until which it lasts is nobody else's.
LATER = text("""
    UPDATE receipts SET due_at = :at, tries = :tries, provider = :provider
    WHERE id = :id AND state = 'pending' AND due_at = :claimed
""")
FOR_PEOPLE = text("""
    WITH mine AS MATERIALIZED (
        SELECT id FROM receipts WHERE id = :id AND state = 'pending' AND due_at = :claimed FOR UPDATE)
    SELECT receipts_for_people(id) FROM mine
""")
REFUSE = text("""
    WITH mine AS MATERIALIZED (SELECT id FROM receipts WHERE id = :id AND due_at = :claimed FOR UPDATE)
    SELECT receipts_refuse(id, :reason) FROM mine
""")

_running = asyncio.Lock()


class Verifier(msgspec.Struct, frozen=True):
    """What verifying needs of the process, in one piece."""

    db: Database
    settings: Settings
    providers: Providers
    catalogues: Catalogues
    books: Books

    @classmethod
    def of(cls, db: Database, settings: Settings) -> "Verifier":
        """A verifier with the installation's providers.

        Raises:
            SettingMissing: their file cannot be read.
        """
        return cls(db, settings, Providers.of(db, settings), Catalogues(db), Books(db))


@jobs.task("receipts", cron="* * * * * *")
async def verify_due(*, verifier: Verifier) -> None:
    """Verify what is due. One run in a process is enough: it takes up what becomes due meanwhile."""
    if _running.locked():
        return
    async with _running:
        await verify_all(verifier)


async def verify_all(verifier: Verifier) -> None:
    """Verify until nothing is due, or for some minutes."""

    async def claim(most: int) -> list[Any]:
        return await verifier.db.rows(CLAIM, most=most, lease=verifier.providers.lease)

    await jobs.drain(claim, lambda row: _verify(verifier, row))


async def _verify(verifier: Verifier, row: Any) -> None:
    """One receipt that is too much for us must not keep the others waiting: it comes again when its lease is over, and
    is a person's when its time is."""
    try:
        await verify(verifier, row)
    except (psycopg.Error, LookupError, ValueError, TypeError) as error:
        log.exception("receipt_failed", receipt=row.id, error=type(error).__name__)
        # A return is nobody's to decide by hand; whatever it was, it may pass.
        if row.operation != RETURN and _now() > row.decide_by - PEOPLE:
            with contextlib.suppress(psycopg.Error):
                await verifier.db.rows(FOR_PEOPLE, id=row.id, claimed=row.due_at)


async def verify(verifier: Verifier, row: Any) -> None:
    """Bring one receipt a step further: decided, or due again later."""
    db = verifier.db
    known = await db.rows(CACHED, country=row.country, identity=row.identity)
    if known:
        await _go_by(verifier, row, msgspec.convert(known[0].document, Document, strict=False))
        return
    if _now() > row.decide_by - PEOPLE:
        await db.rows(FOR_PEOPLE, id=row.id, claimed=row.due_at)
        return
    turn = await verifier.providers.turn(row.provider)
    if turn.provider is None:
        await _without_a_turn(db, row, turn.again_at)
        return
    answer = await verifier.providers.ask(turn, row.id, question(row))
    await _answered(verifier, row, turn.provider, answer)


async def _without_a_turn(db: Database, row: Any, again_at: datetime | None) -> None:
    """No provider has a turn now: from the first one again when one has; without any, people decide."""
    if again_at is None and row.provider == 0:
        await db.rows(FOR_PEOPLE, id=row.id, claimed=row.due_at)
        return
    # A little at random: ten thousand that wait for one turn need not all ask for it in the same millisecond.
    at = max(again_at or _now(), _now()) + timedelta(seconds=random.uniform(0.1, 1.0))  # noqa: S311 - no secret
    await _later(db, row, at=at, provider=0)


async def _answered(verifier: Verifier, row: Any, provider: int, answer: Answer) -> None:
    db = verifier.db
    if answer.result == "found":
        found = await _read(verifier, row, provider, answer)
        if found is not None:
            await _go_by(verifier, row, found)
    elif answer.result in TROUBLE:
        # The provider's trouble is not the receipt's: the next one is asked, or the first again a minute later.
        more = verifier.providers.has_another(provider)
        wait = timedelta(seconds=0 if more else MINUTE)
        await _later(db, row, at=_now() + wait, provider=provider + 1 if more else 0)
    elif answer.result == "not_yet":
        await _not_yet(verifier, row)
    elif answer.result == "waiting":
        await _waits(verifier, row, provider)
    else:
        reason = {"rejected": "not_genuine"}.get(answer.result, answer.result)
        await db.rows(REFUSE, id=row.id, reason=reason, claimed=row.due_at)


async def _not_yet(verifier: Verifier, row: Any) -> None:
    """The next step of the ladder; behind the last one a person."""
    if row.tries >= STEPS:
        await verifier.db.rows(FOR_PEOPLE, id=row.id, claimed=row.due_at)
        return
    wait = verifier.settings.numbers.at(f"receipt_retry_{row.tries + 1}", _now().date())
    await _later(verifier.db, row, at=_now() + timedelta(seconds=wait), provider=0, tries=row.tries + 1)


async def _waits(verifier: Verifier, row: Any, provider: int) -> None:
    """Somebody else answers: a person, or a provider by callback, which may forget it."""
    if verifier.providers.named[provider].kind == "manual":
        await verifier.db.rows(FOR_PEOPLE, id=row.id, claimed=row.due_at)
    else:
        at = _now() + timedelta(hours=CALLBACK_HOURS)
        await _later(verifier.db, row, at=at, provider=(provider + 1) % len(verifier.providers.named))


async def _later(db: Database, row: Any, *, at: datetime, provider: int, tries: int | None = None) -> None:
    tries = row.tries if tries is None else tries
    await db.rows(LATER, id=row.id, at=at, provider=provider, tries=tries, claimed=row.due_at)


async def _read(verifier: Verifier, row: Any, provider: int, answer: Answer) -> Document | None:
    """The document, kept for all who send this receipt; one that cannot be read is the provider's trouble."""
    try:
        found = read(answer.raw)
    except DocumentUnreadable as problem:
        log.warning("receipt_unreadable", receipt=row.id, code=problem.code)
        await _useless(verifier, row, provider)
        return None
    if f"{found.fn}:{found.fd}" != row.identity:
        # The document of another receipt is the provider's mistake: it is kept for nobody, and refuses nobody.
        log.warning("receipt_of_another", receipt=row.id)
        await _useless(verifier, row, provider)
        return None
    await keep(verifier.db, row.country, row.identity, verifier.providers.named[provider].name, found, answer.raw)
    return found


def read(raw: object) -> Document:
    """A provider's answer as one of our documents.

    Raises:
        DocumentUnreadable: it is none; "sums_differ": its lines and its total are more than a rouble apart, so that one
            of the two was read wrong, and nobody can say which.
    """
    found = document.read(raw)
    if "sums_differ" in found.warnings:
        raise DocumentUnreadable("sums_differ", "the lines and the total are more than a rouble apart")
    return found


async def _useless(verifier: Verifier, row: Any, provider: int) -> None:
    """An answer that says nothing of this receipt: another provider may do better.

    It is a step of the ladder, or one that is always wrong would be asked, and paid for, again and again.
    """
    if verifier.providers.has_another(provider) and row.tries < STEPS:
        await _later(verifier.db, row, at=_now(), provider=provider + 1, tries=row.tries + 1)
    else:
        await _not_yet(verifier, row)


async def keep(db: Database, country: str, identity: str, provider: str, found: Document, raw: object) -> None:
    """Keep a document without personal data."""
    written, stripped = msgspec.json.encode(found).decode(), msgspec.json.encode(personal.stripped(raw)).decode()
    await db.rows(KEEP, country=country, identity=identity, provider=provider, document=written, raw=stripped)


async def _go_by(verifier: Verifier, row: Any, found: Document) -> None:
    """The document decides, if it is that of the receipt that was sent."""
    reason = disagreement(row, found)
    decide_by = _now() + timedelta(hours=verifier.settings.numbers.at("review_hours", _now().date()))
    if reason is None and found.operation == RETURN:
        await returns.take_back(verifier.db, found, row.account_id, decide_by)
        reason = "is_return"
    if reason is not None:
        await verifier.db.rows(REFUSE, id=row.id, reason=reason, claimed=row.due_at)
        return
    accepted = Accepted(row.id, row.account_id, row.sent_at, found)
    try:
        await settling.settle(verifier.db, verifier.settings, verifier.books, verifier.catalogues, accepted, _now())
    except Unsettled:
        await _later(verifier.db, row, at=_now() + timedelta(seconds=5), provider=row.provider)
    else:
        await returns.take_back_early(verifier.db, found, row.account_id, decide_by)


def disagreement(row: Any, found: Document) -> str | None:
    """Why a document is not that of the receipt that was sent, or pays nothing by itself."""
    same = (
        row.identity == f"{found.fn}:{found.fd}"
        and row.fp == found.fp
        and row.total == found.total
        and row.operation == found.operation
        and _at_one_time(row.at, found)
    )
    if not same:
        return "differs"
    if found.operation in (3, 4):
        return "not_a_purchase"
    return "is_correction" if found.kind in (31, 41) and found.operation == 1 else None


def _at_one_time(shown: datetime, found: Document) -> bool:
    """Whether it is the same moment: some sources give the wall time a wrong zone, off by whole hours."""
    apart = abs(shown - found.at)
    if found.time_source.startswith(("unix", "iso_zoned")):
        apart = min(apart % timedelta(hours=1), -apart % timedelta(hours=1)) if apart < timedelta(hours=13) else apart
    return apart <= NEAR


def _now() -> datetime:
    return datetime.now(UTC)
