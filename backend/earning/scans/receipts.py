"""Receipts among the texts of a scan: they are submitted first, and shown with their details."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.receipts import receipt_list, submission
from backend.earning.receipts.schemas import FiscalReceiptOut, requisites_out
from backend.earning.receipts.submission import SubmissionResult
from backend.earning.scans.outcomes import ScannedText, ScanOutcome
from backend.identity.accounts.authentication import Agent, translate_database_errors
from scanning.payload import Payload
from scanning.problem import Problem
from scanning.receipts import receipt
from scanning.receipts.countries import ForeignInvalid

RECEIPT_CAUSE = 9  # the scan refers to a receipt, which is no cause of an award by itself
REVIEW_REASONS = ("photo_needed", "being_checked")


class ReceiptDetails(msgspec.Struct, frozen=True):
    """The details of a receipt in a response: its numbers, and until when it will be decided."""

    slip: FiscalReceiptOut
    decide_by: datetime | None = None
    waits_for: str | None = None  # the reason why a reviewer decides


async def submit_receipts(
    db: Database, settings: Settings, agent: Agent, texts: Sequence[ScannedText], now: datetime
) -> dict[int, SubmissionResult]:
    """Submit the receipts among texts; results by place. Idempotent.

    Raises:
        Unauthenticated: the device was signed out. TooManyRequests: too many receipts today.
    """
    sent = {}
    for place, row in enumerate(texts):
        if row.payload.kind == "receipt":
            sent[place] = await _submit_receipt(db, settings, agent, row, now)
    return sent


async def _submit_receipt(
    db: Database, settings: Settings, agent: Agent, row: ScannedText, now: datetime
) -> SubmissionResult:
    try:
        slip = submission.parse_receipt(row.payload.value)
    except ForeignInvalid:
        return SubmissionResult(None, "refused", "country_damaged")
    except Problem as problem:
        return SubmissionResult(None, "refused", getattr(problem, "code", "not_fiscal"))
    with translate_database_errors():
        scanned_at = None if row.scan_time.at == now else row.scan_time.at
        found = await submission.submit_receipt(
            db, settings, agent, submission.receipt_key(row.id, row.n), slip, now, scanned_at
        )
    return msgspec.structs.replace(found, status="refused", reason="body_changed") if found.changed else found


async def receipt_details(
    db: Database, agent: Agent, outcomes: Sequence[ScanOutcome], texts: Mapping[tuple[UUID, int], str]
) -> dict[tuple[UUID, int], ReceiptDetails]:
    """The details of the receipts among outcomes, from their rows; of those that were not stored, from their texts."""
    mine = [row for row in outcomes if row.kind == "receipt"]
    rows = await receipt_list.receipts_by_id(
        db, agent.account_id, [row.receipt_id for row in mine if row.receipt_id is not None]
    )
    found = {}
    for row in mine:
        if row.receipt_id in rows:
            receipt_row = rows[row.receipt_id]
            waits = receipt_row.state in ("pending", "review")
            is_review = receipt_row.state == "review" and receipt_row.reason in REVIEW_REASONS
            found[row.id, row.n] = ReceiptDetails(
                requisites_out(receipt_row),
                receipt_row.decide_by if waits else None,
                receipt_row.reason if is_review else None,
            )
        elif (slip := _slip_of_text(texts.get((row.id, row.n), ""))) is not None:
            found[row.id, row.n] = ReceiptDetails(slip)
    return found


def _slip_of_text(text: str) -> FiscalReceiptOut | None:
    try:
        return requisites_out(submission.parse_receipt(text))
    except Problem:
        return None


def choose_codes(found: Sequence[Payload]) -> list[Payload]:
    """The codes of one picture without those that are printed beside its receipt: alcohol and payment links."""
    places = [place for place, code in enumerate(found) if code.kind == "receipt"]
    best = receipt.choose([found[place].value for place in places])
    if best is None or not _is_readable(found[places[best]].value):
        return list(found)
    return [code for code in found if code.kind != "receipt" or _is_readable(code.value)]


def _is_readable(text: str) -> bool:
    return _slip_of_text(text) is not None


def record_fields(sent: SubmissionResult) -> dict[str, Any]:
    """The fields of a scan's record that come from its receipt."""
    is_refused = sent.status == "refused"
    return {
        "cause": RECEIPT_CAUSE if sent.id else None,
        "cause_id": sent.id,
        "reason": sent.reason if is_refused else None,
        "status": None if is_refused else sent.status,
    }
