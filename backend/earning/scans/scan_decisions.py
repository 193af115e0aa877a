"""Decides the outcome of scanned texts: parses them for the look-up, then applies the rules to what was found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.earning.packages import service as packages
from backend.earning.packages.service import CodeLookup, RefusedCode
from backend.earning.packages.unlisted_units import UNCLEAR, UNLISTED
from backend.earning.promocodes.words import code_parser
from backend.earning.receipts.submission import SubmissionResult
from backend.earning.scans import receipts
from backend.earning.scans.outcomes import ScannedText, ScanRecord
from backend.earning.scans.scan_time import ScanTime
from backend.programmes.rules import awards
from backend.programmes.rules.rule import Facts, Way, decide_award
from backend.programmes.rules.rule_cache import RuleCache
from scanning.payload import Payload

IS_RECEIPT = "elsewhere"  # a receipt: backend.earning.receipts decides it
# Kinds that a till accepts and a scan does not.
TILL_REASONS = {"promo": "show_at_till", "certificate": "show_at_till"}


def read_texts(settings: Settings, texts: Sequence[ScannedText]) -> list[CodeLookup | RefusedCode]:
    """The look-up of each text, or the reason why it is refused without one."""
    lookups: list[CodeLookup | RefusedCode | None] = [None] * len(texts)
    computed = [(place, row.payload.value) for place, row in enumerate(texts) if row.payload.kind == "package"]
    many = (
        packages.read_packages(settings, computed)
        if len(computed) > 1
        else [packages.read_package(settings, place, value) for place, value in computed]
    )
    for (place, _), row in zip(computed, many, strict=True):
        lookups[place] = row
    return [row or _read_other_kind(settings, place, texts[place].payload) for place, row in enumerate(lookups)]


def _read_other_kind(settings: Settings, place: int, payload: Payload) -> CodeLookup | RefusedCode:
    if not payload.value:
        return RefusedCode("nothing_found")
    if payload.kind == "receipt":
        return RefusedCode(IS_RECEIPT)
    if payload.kind == "marking":
        return packages.read_marking(place, payload.value)
    if payload.kind in TILL_REASONS:
        return RefusedCode(TILL_REASONS[payload.kind])
    lookup = packages.read_listed_code(settings, place, payload.value)
    spelled = code_parser.parse_code(payload.value)
    lookup.word = spelled.code if spelled else None
    return lookup


def _unlisted_text_kind(text: str, reason: str) -> tuple[str, str]:
    """The kind and reason of a typed text that is no package code: the same as of a link to that code."""
    if reason == "promo":
        return "promo", TILL_REASONS["promo"]
    if gift_card_codes.is_code(text):
        return "certificate", TILL_REASONS["certificate"]
    return "unknown", "unknown"


async def decide_records(
    rule_cache: RuleCache,
    texts: Sequence[ScannedText],
    read: Sequence[CodeLookup | RefusedCode],
    found: dict[int, Any],
    sent: dict[int, SubmissionResult],
    now: datetime,
) -> tuple[list[ScanRecord], set[int]]:
    """The record of each text, and the programmes whose rules were used."""
    records, programmes = [], set()
    for place, (incoming_text, lookup) in enumerate(zip(texts, read, strict=True)):
        row = found.get(place)
        record = ScanRecord(
            place,
            incoming_text.id,
            incoming_text.n,
            incoming_text.digest.hex(),
            incoming_text.payload.kind,
            is_picture=incoming_text.is_picture,
        )
        records.append(record)
        if place in sent:
            records[-1] = msgspec.structs.replace(record, **receipts.record_fields(sent[place]))
            continue
        if isinstance(lookup, RefusedCode) or row is None:
            record.reason = lookup.reason if isinstance(lookup, RefusedCode) else "unknown_code"
            continue
        record.cause, record.cause_id, record.reason = row.cause, row.cause_id, row.reason
        if lookup.digest is not None and row.cause is None:
            record.kind, record.reason = _unlisted_text_kind(incoming_text.payload.value, row.reason)
        elif lookup.digest is not None:
            record.kind = "package"
        if record.reason in (None, UNLISTED, UNCLEAR):
            programmes.add(row.programme_id)
            await _apply_rules(rule_cache, record, row, lookup, incoming_text.scan_time, now)
    return records, programmes


async def _apply_rules(
    rule_cache: RuleCache, record: ScanRecord, row: Any, lookup: CodeLookup, scan_time: ScanTime, now: datetime
) -> None:
    """Compute what a code earns by the rules at the time of its scan."""
    rule_set = await rule_cache.get(row.programme_id, row.rules_version)
    way: Way = "marking" if lookup.gtin else "package"
    facts = Facts(way, row.product_id, row.price, scan_time.at, listed=row.reason is None)
    decision = decide_award(rule_set.campaigns, facts, rule_set.timezone)
    if decision is None:
        record.reason = (UNLISTED if row.reason == UNCLEAR else row.reason) or "no_campaign"
        return
    if row.reason == UNCLEAR:
        return
    record.reason = None
    record.slot, record.serial = lookup.slot, lookup.serial
    record.brand, record.product = row.brand_id, row.product_id
    record.signal = scan_time.signal
    for name, value in awards.award_fields(rule_set, decision).items():
        setattr(record, name, value)
    booked_on = now.astimezone(ZoneInfo(rule_set.timezone)).date()
    record.booked_on = None if booked_on == decision.today else booked_on
