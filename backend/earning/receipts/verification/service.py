"""Verification by the worker: lease due receipts, query a provider outside any transaction, apply the answer."""

import contextlib
import random
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import msgspec
import psycopg
import structlog
from sqlalchemy import text

from backend.core.db import jobs, leases
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.receipts.awards import returns, settlement
from backend.earning.receipts.awards.settlement import SettlementConflict, VerifiedReceipt
from backend.earning.receipts.catalogues import CatalogueCache
from backend.earning.receipts.providers.configuration import ProviderAnswer
from backend.earning.receipts.submission import RETRY_STEPS
from backend.earning.receipts.verification.agreement import mismatch_reason
from backend.earning.receipts.verification.provider_requests import FAILED_RESULTS, ProviderPool, receipt_query
from backend.programmes.rules.rule_cache import RuleCache
from scanning.receipts import document, personal
from scanning.receipts.document import Document, DocumentUnreadable

log = structlog.get_logger("scanback")

MINUTE = 60  # seconds
RETURN_OPERATION = 2  # tag 1054
CALLBACK_TIMEOUT_HOURS = 24  # after that another provider is queried
REVIEW_TIME = timedelta(hours=24)  # for a reviewer, before `decide_by`, even if providers have not answered

LEASE_DUE = text("""
    WITH due AS (
        SELECT id FROM receipts WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE receipts r SET due_at = now() + :lease * interval '1 second' FROM due WHERE r.id = due.id
    RETURNING r.id, r.account_id, r.country, r.identity, r.fp, r.canonical, r.at, r.total, r.operation,
        coalesce(r.scanned_at, r.sent_at) AS sent_at, r.tries, r.provider, r.due_at, r.decide_by,
        EXISTS (SELECT FROM receipt_claims c WHERE c.account_id = r.account_id) AS is_proven
""")
KNOWN_DOCUMENT = text("SELECT document FROM receipt_documents WHERE country = :country AND identity = :identity")
INSERT_DOCUMENT = text("""
    INSERT INTO receipt_documents (country, identity, provider, document, raw)
    VALUES (:country, :identity, :provider, CAST(:document AS jsonb), CAST(:raw AS jsonb)) ON CONFLICT DO NOTHING
""")
# Only the holder of the lease may write: `due_at`, the end of the lease, identifies it.
RESCHEDULE = text("""
    UPDATE receipts SET due_at = :at, tries = :tries, provider = :provider
    WHERE id = :id AND state = 'pending' AND due_at = :claimed
""")
SEND_TO_REVIEW = text("""
    WITH mine AS MATERIALIZED (
        SELECT id FROM receipts WHERE id = :id AND state = 'pending' AND due_at = :claimed FOR UPDATE)
    SELECT receipts_for_people(id) FROM mine
""")
REFUSE = text("""
    WITH mine AS MATERIALIZED (SELECT id FROM receipts WHERE id = :id AND due_at = :claimed FOR UPDATE)
    SELECT receipts_refuse(id, :reason) FROM mine
""")

_single_run = leases.SingleRun()


class DueReceipt(NamedTuple):
    """A receipt with a lease, which ends at `due_at`. In the order of the columns of LEASE_DUE."""

    id: int
    account_id: int
    country: str
    identity: str
    fp: int | None
    canonical: str
    at: datetime | None
    total: int | None
    operation: int | None
    sent_at: datetime
    tries: int
    provider: int
    due_at: datetime
    decide_by: datetime
    is_proven: bool


class Verifier(msgspec.Struct, frozen=True):
    """The parts of the process that verification needs."""

    db: Database
    settings: Settings
    providers: ProviderPool
    catalogues: CatalogueCache
    rule_cache: RuleCache

    @classmethod
    def of(cls, db: Database, settings: Settings) -> "Verifier":
        """A verifier with the installation's providers.

        Raises:
            SettingMissing: their file cannot be read.
        """
        return cls(db, settings, ProviderPool.of(db, settings), CatalogueCache(db), RuleCache(db))


@jobs.task("receipts", cron="* * * * * *")
async def verify_due(*, verifier: Verifier) -> None:
    """Verify due receipts. One run in a process is enough: it includes receipts that become due meanwhile."""
    await _single_run.start(partial(verify_all, verifier))


async def verify_all(verifier: Verifier) -> None:
    """Verify what is due."""

    async def lease_due(limit: int, _running: Collection[DueReceipt]) -> list[DueReceipt]:
        rows = await verifier.db.rows(LEASE_DUE, limit=limit, lease=verifier.providers.lease_seconds)
        return [DueReceipt(*row) for row in rows]

    work = leases.LeasedWork(
        lease_due, partial(_verify_or_review, verifier), "receipt_failed", lambda row: {"receipt": row.id}
    )
    await work.run()


async def _verify_or_review(verifier: Verifier, row: DueReceipt) -> None:
    """Verify one receipt. After an error it is tried again when its lease ends, or goes to review in time."""
    try:
        await verify_receipt(verifier, row)
    except Exception:
        # A reviewer cannot decide a return; the error may be temporary.
        if row.operation != RETURN_OPERATION and _now() > row.decide_by - REVIEW_TIME:
            with contextlib.suppress(psycopg.Error):
                await verifier.db.rows(SEND_TO_REVIEW, id=row.id, claimed=row.due_at)
        raise


async def verify_receipt(verifier: Verifier, row: DueReceipt) -> None:
    """Verify one receipt: decide it or make it due again later."""
    db = verifier.db
    known = await db.rows(KNOWN_DOCUMENT, country=row.country, identity=row.identity)
    if known:
        await _apply_document(verifier, row, msgspec.convert(known[0].document, Document, strict=False))
        return
    if _now() > row.decide_by - REVIEW_TIME:
        await db.rows(SEND_TO_REVIEW, id=row.id, claimed=row.due_at)
        return
    permit = await verifier.providers.acquire(row.provider, is_proven=row.is_proven)
    if permit.provider is None:
        await _postpone(db, row, permit.again_at)
        return
    answer = await verifier.providers.query(permit, row.id, receipt_query(row))
    await _apply_answer(verifier, row, permit.provider, answer)


async def _postpone(db: Database, row: DueReceipt, again_at: datetime | None) -> None:
    """No provider has a permit now: start again with the first one later, or send to review if there is none."""
    if again_at is None and row.provider == 0:
        await db.rows(SEND_TO_REVIEW, id=row.id, claimed=row.due_at)
        return
    # Random jitter: ten thousand receipts that wait for one permit must not request it in the same millisecond.
    at = max(again_at or _now(), _now()) + timedelta(seconds=random.uniform(0.1, 1.0))  # noqa: S311 - no secret
    await _reschedule(db, row, at=at, provider=0)


async def _apply_answer(verifier: Verifier, row: DueReceipt, provider: int, answer: ProviderAnswer) -> None:
    db = verifier.db
    if answer.result == "found":
        found = await _read_answer(verifier, row, provider, answer)
        if found is not None:
            await _apply_document(verifier, row, found)
    elif answer.result in FAILED_RESULTS:
        # A failure of the provider uses up no retry: the next one is queried, or the first again a minute later.
        more = verifier.providers.has_another(provider)
        wait = timedelta(seconds=0 if more else MINUTE)
        await _reschedule(db, row, at=_now() + wait, provider=provider + 1 if more else 0)
    elif answer.result == "not_yet":
        await _schedule_retry(verifier, row)
    elif answer.result == "waiting":
        await _await_other(verifier, row, provider)
    else:
        reason = {"rejected": "not_genuine"}.get(answer.result, answer.result)
        await db.rows(REFUSE, id=row.id, reason=reason, claimed=row.due_at)


async def _schedule_retry(verifier: Verifier, row: DueReceipt) -> None:
    """Schedule the next retry; after the last one the receipt goes to review."""
    if row.tries >= RETRY_STEPS:
        await verifier.db.rows(SEND_TO_REVIEW, id=row.id, claimed=row.due_at)
        return
    wait = verifier.settings.numbers.at(f"receipt_retry_{row.tries + 1}", _now().date())
    await _reschedule(verifier.db, row, at=_now() + timedelta(seconds=wait), provider=0, tries=row.tries + 1)


async def _await_other(verifier: Verifier, row: DueReceipt, provider: int) -> None:
    """The answer comes from a reviewer, or by a callback, which may never arrive."""
    if verifier.providers.named[provider].kind == "manual":
        await verifier.db.rows(SEND_TO_REVIEW, id=row.id, claimed=row.due_at)
    else:
        at = _now() + timedelta(hours=CALLBACK_TIMEOUT_HOURS)
        await _reschedule(verifier.db, row, at=at, provider=(provider + 1) % len(verifier.providers.named))


async def _reschedule(db: Database, row: DueReceipt, *, at: datetime, provider: int, tries: int | None = None) -> None:
    tries = row.tries if tries is None else tries
    await db.rows(RESCHEDULE, id=row.id, at=at, provider=provider, tries=tries, claimed=row.due_at)


async def _read_answer(verifier: Verifier, row: DueReceipt, provider: int, answer: ProviderAnswer) -> Document | None:
    """Read and store the document, for all who send this receipt. An unreadable one is a failure of the provider."""
    try:
        found = read_document(answer.raw)
    except DocumentUnreadable as problem:
        log.warning("receipt_unreadable", receipt=row.id, code=problem.code)
        await _discard_answer(verifier, row, provider)
        return None
    if f"{found.fn}:{found.fd}" != row.identity:
        # The document of another receipt is the provider's mistake: it is not stored and does not refuse the receipt.
        log.warning("receipt_of_another", receipt=row.id)
        await _discard_answer(verifier, row, provider)
        return None
    await store_document(
        verifier.db, row.country, row.identity, verifier.providers.named[provider].name, found, answer.raw
    )
    return found


def read_document(raw: object) -> Document:
    """Convert a provider's answer to a neutral document.

    Raises:
        DocumentUnreadable: it is not a document. "sums_differ": its lines and its total differ by more than a rouble,
            so one of them was read wrong, and it is unknown which.
    """
    found = document.read(raw)
    if "sums_differ" in found.warnings:
        raise DocumentUnreadable("sums_differ", "the lines and the total are more than a rouble apart")
    return found


async def _discard_answer(verifier: Verifier, row: DueReceipt, provider: int) -> None:
    """Discard an answer that is not about this receipt, and try another provider.

    This uses up a retry; otherwise a provider that is always wrong would be queried, and paid, without end.
    """
    if verifier.providers.has_another(provider) and row.tries < RETRY_STEPS:
        await _reschedule(verifier.db, row, at=_now(), provider=provider + 1, tries=row.tries + 1)
    else:
        await _schedule_retry(verifier, row)


async def store_document(
    db: Database, country: str, identity: str, provider: str, found: Document, raw: object
) -> None:
    """Store a document without personal data."""
    written, stripped = msgspec.json.encode(found).decode(), msgspec.json.encode(personal.stripped(raw)).decode()
    await db.rows(
        INSERT_DOCUMENT, country=country, identity=identity, provider=provider, document=written, raw=stripped
    )


async def _apply_document(verifier: Verifier, row: DueReceipt, found: Document) -> None:
    """Decide the receipt by its document, if the document matches it."""
    reason = mismatch_reason(row, found)
    decide_by = _now() + timedelta(hours=verifier.settings.numbers.at("review_hours", _now().date()))
    if reason is None and found.operation == RETURN_OPERATION:
        await returns.claw_back_return(verifier.db, found, row.account_id, decide_by)
        reason = "is_return"
    if reason is not None:
        await verifier.db.rows(REFUSE, id=row.id, reason=reason, claimed=row.due_at)
        return
    accepted = VerifiedReceipt(row.id, row.account_id, row.sent_at, found, row.at)
    try:
        await settlement.settle_receipt(
            verifier.db, verifier.settings, verifier.rule_cache, verifier.catalogues, accepted, _now()
        )
    except SettlementConflict:
        await _reschedule(verifier.db, row, at=_now() + timedelta(seconds=5), provider=row.provider)
    else:
        await returns.claw_back_earlier_returns(verifier.db, found, row.account_id, decide_by)


def _now() -> datetime:
    return datetime.now(UTC)
