"""Handles scanned texts: finds their codes, decides what they earn, and records the outcomes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged, Busy, TooManyRequests
from backend.core.settings import Settings
from backend.core.storage.store import Files
from backend.earning.packages import unlisted_units
from backend.earning.packages.batch_cache import BatchCache, CachedCode
from backend.earning.packages.service import CodeLookup, RefusedCode
from backend.earning.scans import abuse_limits, receipts, scan_decisions
from backend.earning.scans.code_details import ProductNames
from backend.earning.scans.outcomes import ScannedText, ScanOutcome, ScanRecord, outcome_of_row
from backend.earning.scans.pictures.decoder import Decoder
from backend.earning.scans.recorder import RecordRequest, ScanRecorder
from backend.identity.accounts.authentication import Agent, translate_database_errors
from backend.programmes.rules.explanation import RuleVersionCache
from backend.programmes.rules.rule import Facts, mismatch_reason
from backend.programmes.rules.rule_cache import RuleCache

FIND_CODES = text("SELECT * FROM scans_look(:account, :device, CAST(:windows AS jsonb), CAST(:items AS jsonb))")
FIRST_OUTCOMES = text("""
    SELECT s.id, s.n, s.digest, s.kind, s.status, s.reason, a.programme_id,
        a.version_id, a.product_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on,
        CASE WHEN s.cause = 9 THEN s.cause_id END AS receipt_id,
        CASE WHEN a.cause IS NOT NULL THEN programmes_added(a.cause, a.cause_id) END AS additional
    FROM scans s LEFT JOIN accruals a ON s.status <> 'refused' AND a.cause = s.cause AND a.cause_id = s.cause_id
    WHERE s.account_id = :account AND s.id = ANY(:ids) ORDER BY s.n
""")
ATTEMPTS = 3
RETRIED_STATES = ("SB010", "SB011")  # scans_record_v2: others spent the budget or changed the rules


class ScanContext(msgspec.Struct, frozen=True):
    """What handling scans needs of the process, as one dependency: the framework takes time to resolve each."""

    db: Database
    settings: Settings
    rule_cache: RuleCache
    versions: RuleVersionCache
    decoder: Decoder
    batch_cache: BatchCache
    files: Files
    recorder: ScanRecorder
    product_names: ProductNames


CurrentScanContext = NamedDependency[SkipValidation[ScanContext]]  # the framework cannot check the union in it


async def first_outcomes(context: ScanContext, agent: Agent, scan_id: UUID, digest: bytes) -> list[ScanOutcome]:
    """The earlier outcomes of a picture's id, if any: then the picture need not be read again.

    Raises:
        BodyChanged: the id was used for another picture.
    """
    rows = await context.db.rows(FIRST_OUTCOMES, account=agent.account_id, ids=[scan_id])
    if any(row.digest != digest for row in rows):
        raise BodyChanged
    return [outcome_of_row(scan_id, row.n, row, changed=False) for row in rows]


async def handle_scans(
    context: ScanContext, agent: Agent, texts: Sequence[ScannedText], now: datetime
) -> list[ScanOutcome]:
    """Handle texts of one agent. Idempotent by id: an id gets its first outcome again. In the order of the texts.

    Raises:
        TooManyRequests: too many scans in a minute, or too many made-up codes. Busy: the rules changed during each
        attempt.
    """
    read = scan_decisions.read_texts(context.settings, texts)
    try:
        rows = await _find_and_record(context, agent, texts, read, now)
    except TooManyRequests:
        # A repeat of recorded scans is not limited: it gets the first outcomes.
        recorded = await _recorded_outcomes(context, agent, texts)
        if recorded is None:
            raise
        return recorded
    if not all(row.replayed for row in rows):
        await abuse_limits.delay_typing_errors(context.db, context.settings, agent, read, now)
        await abuse_limits.count_misses(context.db, agent, rows)
    return _outcomes_in_order(texts, rows)


def single_scan_outcomes(outcomes: list[ScanOutcome]) -> list[ScanOutcome]:
    """The outcomes of one scan. In a queue a changed body is an outcome; a single scan is refused as a whole.

    Raises:
        BodyChanged: the id had another body before.
    """
    if any(row.reason == "body_changed" for row in outcomes):
        raise BodyChanged
    return outcomes


async def _find_and_record(
    context: ScanContext,
    agent: Agent,
    texts: Sequence[ScannedText],
    read: Sequence[CodeLookup | RefusedCode],
    now: datetime,
) -> list[Any]:
    sent = await receipts.submit_receipts(context.db, context.settings, agent, texts, now)
    for _ in range(ATTEMPTS):
        found = await _find_codes(context, agent, texts, read, now)
        records, programmes = await scan_decisions.decide_records(context.rule_cache, texts, read, found, sent, now)
        await _number_units(context, read, records)
        try:
            return await _record_scans(context, agent, read, records, now)
        except psycopg.Error as error:
            if error.sqlstate not in RETRIED_STATES:
                raise
            for programme in programmes:
                context.rule_cache.forget(programme)
    raise Busy(retry_after=1)


async def _find_codes(
    context: ScanContext,
    agent: Agent,
    texts: Sequence[ScannedText],
    read: Sequence[CodeLookup | RefusedCode],
    now: datetime,
) -> dict[int, Any]:
    """Find the batches and products of codes: in the cache if the rules are unchanged, otherwise in the database."""
    both = zip(texts, read, strict=True)
    found = {
        row.n: cached
        for text, row in both
        if isinstance(row, CodeLookup) and (cached := _cached_code(context, row, text.scan_time.at))
    }
    missing = {row.n: row for row in read if isinstance(row, CodeLookup) and row.n not in found}
    if not missing:
        return found
    windows = abuse_limits.account_windows(agent, context.settings, now)
    with translate_database_errors():
        rows = await context.db.rows(
            FIND_CODES,
            account=agent.account_id,
            device=agent.device_id,
            windows=msgspec.json.encode(windows).decode(),
            items=msgspec.json.encode(list(missing.values())).decode(),
        )
    for row in rows:
        found[row.n] = row
        slot = missing[row.n].slot
        if slot is not None:
            context.batch_cache.add(slot, row)
    return found


def _cached_code(context: ScanContext, row: CodeLookup, at: datetime) -> CachedCode | None:
    """A code whose batch is in the cache, if a cached rule applies to it; scans_record_v2 checks the rest."""
    if row.slot is None or row.serial is None:
        return None
    found = context.batch_cache.find(row.n, row.slot, row.serial)
    if found is None:
        return None
    rule_set = context.rule_cache.rule_sets.get(found.programme_id)
    if rule_set is None or rule_set.rules_version != found.rules_version:
        return None
    facts = Facts("package", found.product_id, found.price, at)
    return found if any(mismatch_reason(offer, facts) is None for offer in rule_set.campaigns) else None


async def _number_units(
    context: ScanContext, read: Sequence[CodeLookup | RefusedCode], records: Sequence[ScanRecord]
) -> None:
    """Number the unlisted units that are credited for the first time. Units that earn nothing are not stored."""
    new = {
        record.place: row
        for row, record in zip(read, records, strict=True)
        if isinstance(row, CodeLookup) and row.gtin and record.reason is None and record.cause_id is None
    }
    if not new:
        return
    numbers = await unlisted_units.number_units(context.db, list(new.values()))
    for place, row in new.items():
        records[place].cause_id = numbers[row.n]


async def _record_scans(
    context: ScanContext,
    agent: Agent,
    read: Sequence[CodeLookup | RefusedCode],
    records: Sequence[ScanRecord],
    now: datetime,
) -> list[Any]:
    """Record the outcomes, credit them, and count made-up codes, in one transaction."""
    slots = {row.slot for row, record in zip(read, records, strict=True) if record.reason == "unknown_code"}
    windows = abuse_limits.account_windows(agent, context.settings, now) + abuse_limits.slot_windows(slots)
    per_minute = context.settings.numbers.at("scans_per_minute", now.date())
    return await context.recorder.record(RecordRequest(agent.account_id, agent.device_id, per_minute, windows, records))


async def _recorded_outcomes(
    context: ScanContext, agent: Agent, texts: Sequence[ScannedText]
) -> list[ScanOutcome] | None:
    """The first outcomes of texts; None unless all have one."""
    rows = await context.db.rows(FIRST_OUTCOMES, account=agent.account_id, ids=[text.id for text in texts])
    recorded = {(row.id, row.n): row for row in rows}
    if any((text.id, text.n) not in recorded for text in texts):
        return None
    found = [recorded[text.id, text.n] for text in texts]
    return [
        outcome_of_row(text.id, text.n, row, changed=row.digest != text.digest)
        for text, row in zip(texts, found, strict=True)
    ]


def _outcomes_in_order(texts: Sequence[ScannedText], rows: Sequence[Any]) -> list[ScanOutcome]:
    by_place = {row.place: row for row in rows}
    return [
        outcome_of_row(text.id, text.n, by_place[place], changed=by_place[place].changed)
        for place, text in enumerate(texts)
    ]
