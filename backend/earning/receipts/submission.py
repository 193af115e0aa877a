"""Submission of receipts: parse the text, check whether the receipt may be sent, insert the row for the worker."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent
from scanning.problem import Problem
from scanning.receipts import countries, receipt
from scanning.receipts.countries import Foreign
from scanning.receipts.receipt import Receipt

SUBMIT_RECEIPT = text("""
    SELECT * FROM receipts_submit(:account, :device, :key, :country, :identity, :fp, :canonical, :at, :total,
        :operation, :decide_by, :waits, CAST(:credit AS jsonb), :scanned_at)
""")
# The largest maximum age in days of the campaigns that pay for receipts.
MAX_RECEIPT_DAYS = text("""
    SELECT coalesce(max((v.rule ->> 'receipt_days')::int), 0) AS days FROM campaigns c
    JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE c.state = 'active' AND v.rule -> 'ways' ? 'receipt'
""")
# When the agent first sent a receipt that this one may correct: it is undecided, or was refused for its numbers since
# `since`. Drive and document number must be equal, or two of sign, time and total.
FIRST_SUBMISSION = text("""
    SELECT min(coalesce(scanned_at, sent_at)) AS first_at FROM receipts
    WHERE account_id = :account AND country = :country
        AND (state IN ('pending', 'review')
            OR reason IN ('differs', 'not_genuine', 'bad_request') AND decided_at > :since)
        AND (identity = :identity OR fp = :fp AND (at = CAST(:at AS timestamp) OR total = :total)
            OR at = CAST(:at AS timestamp) AND total = :total)
""")
# A till is somewhere between UTC+2 and UTC+12; the receipt does not have its zone.
EARLIEST_ZONE, LATEST_ZONE = timedelta(hours=2), timedelta(hours=12)
CLOCK_TOLERANCE = timedelta(minutes=30)
DAY_SECONDS = 86400
RETRY_STEPS = 8  # the settings `receipt_retry_1` and so on are the backoff for a receipt that is not known yet
REFUSED_OPERATIONS = {2: "is_return", 3: "not_a_purchase", 4: "not_a_purchase"}


class SubmissionResult(msgspec.Struct, frozen=True):
    """The result of a submission. `id` is the row's; None: it was refused and not stored."""

    id: int | None
    status: str  # pending, repeated or refused
    reason: str | None = None
    changed: bool = False


class SubmittedReceipt(msgspec.Struct, frozen=True):
    """A receipt as it was scanned or typed, of any country."""

    country: str
    identity: str
    canonical: str
    fp: int | None = None
    at: datetime | None = None
    total: int | None = None
    operation: int | None = None
    verifiable: bool = True


def parse_receipt(text: str) -> SubmittedReceipt:
    """Parse the text of a QR code.

    Raises:
        Problem: it is not a receipt; `code` names what it is instead, or what is wrong with it.
    """
    try:
        return russian_receipt(receipt.read(text))
    except Problem as problem:
        if getattr(problem, "code", "") != "not_fiscal":
            raise
        foreign = countries.recognise(text)
        if foreign is None:
            raise
    return _foreign_receipt(foreign)


def russian_receipt(parsed: Receipt) -> SubmittedReceipt:
    """A parsed Russian receipt."""
    return SubmittedReceipt(
        "RU", parsed.identity, parsed.canonical, parsed.fp, parsed.at, parsed.total, parsed.operation
    )


def _foreign_receipt(foreign: Foreign) -> SubmittedReceipt:
    return SubmittedReceipt(
        foreign.country,
        foreign.key,
        foreign.canonical,
        None,
        foreign.at,
        foreign.total,
        foreign.operation,
        verifiable=foreign.can_be_verified,
    )


def receipt_key(scan_id: UUID, n: int) -> UUID:
    """The id of a picture's n-th receipt: the scan's own, and for further receipts an id derived from it."""
    return scan_id if n == 0 else uuid5(scan_id, str(n))


def refusal_reason(
    settings: Settings, submitted: SubmittedReceipt, now: datetime, seen_at: datetime | None = None, hours: int = 0
) -> str | None:
    """Why a receipt is refused at once, None if it is not. Returns are accepted: they claw points back.

    `seen_at`: when the phone read it, which decides its age. `hours`: its maximum age, if more than the setting.
    """
    if submitted.operation in REFUSED_OPERATIONS and submitted.operation != 2:
        return REFUSED_OPERATIONS[submitted.operation]
    if submitted.at is None:
        return None
    if submitted.at - LATEST_ZONE > now.replace(tzinfo=None) + CLOCK_TOLERANCE:
        return "in_future"
    hours = max(hours, settings.numbers.at("receipt_age_hours", now.date()))
    seen = (seen_at or now).astimezone(UTC).replace(tzinfo=None)
    return "too_old" if submitted.at - EARLIEST_ZONE < seen - timedelta(hours=hours) else None


async def _timely_submission(
    db: Database, settings: Settings, agent: Agent, submitted: SubmittedReceipt, now: datetime, seen_at: datetime
) -> datetime | None:
    """When a receipt that is too old by the usual maximum was seen in time; None if it was not.

    Campaigns may allow more. It may also correct a receipt that was sent in time: an agent who is asked to send a
    receipt again must not be refused for its age.
    """
    hours = (await db.call(MAX_RECEIPT_DAYS)).days * 24
    if refusal_reason(settings, submitted, now, seen_at, hours) is None:
        return seen_at
    usual = settings.numbers.at("receipt_age_hours", now.date())
    row = await db.call(
        FIRST_SUBMISSION,
        account=agent.account_id,
        country=submitted.country,
        identity=submitted.identity,
        fp=submitted.fp,
        at=submitted.at,
        total=submitted.total,
        since=now - timedelta(hours=usual),
    )
    first_at: datetime | None = row.first_at
    return first_at if first_at and refusal_reason(settings, submitted, now, first_at, hours) is None else None


async def submit_receipt(
    db: Database,
    settings: Settings,
    agent: Agent,
    key: UUID,
    submitted: SubmittedReceipt,
    now: datetime,
    scanned_at: datetime | None = None,
) -> SubmissionResult:
    """Insert a receipt under the phone's id. Idempotent. `scanned_at`: when an offline phone read it.

    Raises:
        TooManyRequests: the account has reached its daily limit. psycopg.Error SB012: the device has ended.
    """
    scanned_at = _plausible_scan_time(submitted, scanned_at)
    if reason := refusal_reason(settings, submitted, now, scanned_at):
        seen_at = (
            await _timely_submission(db, settings, agent, submitted, now, scanned_at or now)
            if reason == "too_old"
            else None
        )
        if seen_at is None:
            return SubmissionResult(None, "refused", reason)
        scanned_at = None if seen_at == now else seen_at
    daily_limit = settings.numbers.at("receipts_per_day", now.date())
    await rate_limits.count_request(db, f"receipts:{agent.account_id}", seconds=DAY_SECONDS, limit=daily_limit)
    hours = settings.numbers.at("receipt_decide_hours", now.date())
    waits = not (submitted.verifiable and settings.receipt_providers)
    row = await db.call(
        SUBMIT_RECEIPT,
        account=agent.account_id,
        device=agent.device_id,
        key=key,
        country=submitted.country,
        identity=submitted.identity,
        fp=submitted.fp,
        canonical=submitted.canonical,
        at=submitted.at,
        total=submitted.total,
        operation=submitted.operation,
        decide_by=now + timedelta(hours=hours),
        waits=waits,
        credit=_pending_limits(settings, agent, now),
        scanned_at=scanned_at,
    )
    return _submission_result(row, waits=waits)


def _plausible_scan_time(submitted: SubmittedReceipt, scanned_at: datetime | None) -> datetime | None:
    """The time of a scan; None if it was before the sale in every zone, so that the arrival counts."""
    if scanned_at is None or submitted.at is None:
        return scanned_at
    return scanned_at if scanned_at >= (submitted.at - LATEST_ZONE).replace(tzinfo=UTC) else None


def _pending_limits(settings: Settings, agent: Agent, now: datetime) -> str:
    """How many receipts may be pending at once, as JSON for `receipts_submit`."""
    number, day = settings.numbers.at, now.date()
    return msgspec.json.encode(
        {
            "new": number("receipts_waiting_new", day),
            "proven": number("receipts_waiting_proven", day),
            "steps": RETRY_STEPS,
            "network": f"receipts:new:network:{agent.network}",
            "most_of_network": number("receipts_new_per_day_per_network", day),
        }
    ).decode()


def _submission_result(row: Any, *, waits: bool) -> SubmissionResult:
    if row.id is None:
        return SubmissionResult(None, "refused", "waiting_limited")
    if row.repeated:
        return SubmissionResult(row.id, "repeated")
    # A repeated request gets its first response; the receipt's own endpoint has its current state.
    at_once = ("already_claimed", "is_return") if waits else ("already_claimed",)
    refused = row.state == "refused" and row.reason in at_once
    return SubmissionResult(row.id, "refused" if refused else "pending", row.reason if refused else None, row.changed)


def is_quick_submission(bought_at: datetime, sent_at: datetime) -> bool:
    """Whether a receipt was sent within two minutes of the sale, in one of the zones where a till may be."""
    elapsed = sent_at.astimezone(UTC).replace(tzinfo=None) + LATEST_ZONE - bought_at
    within = elapsed % timedelta(hours=1) <= timedelta(minutes=2)
    return within and timedelta() <= elapsed <= LATEST_ZONE - EARLIEST_ZONE + timedelta(minutes=2)
