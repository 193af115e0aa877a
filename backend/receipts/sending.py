"""Taking receipts in: what a text is, whether it may be sent at all, and the row that the worker goes by."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text

from backend import limits
from backend.accounts.door import Agent
from backend.database import Database
from backend.settings import Settings
from scanning import countries, receipt
from scanning.countries import Foreign
from scanning.problem import Problem
from scanning.receipt import Receipt

SEND = text("""
    SELECT * FROM receipts_send(:account, :device, :key, :country, :identity, :fp, :canonical, :at, :total, :operation,
        :decide_by, :waits)
""")
# A till stands somewhere between UTC+2 and UTC+12; we are not told where.
EARLIEST_ZONE, LATEST_ZONE = timedelta(hours=2), timedelta(hours=12)
SLOW_CLOCK = timedelta(minutes=30)
DAY = 86400  # seconds
REFUSED_OPERATIONS = {2: "is_return", 3: "not_a_purchase", 4: "not_a_purchase"}


class Sent(msgspec.Struct, frozen=True):
    """What became of a receipt at the door. `id` is ours; None: it was refused before anything was kept."""

    id: int | None
    status: str  # pending, repeated or refused
    reason: str | None = None
    changed: bool = False


class Slip(msgspec.Struct, frozen=True):
    """A receipt as it was shown, of whatever country."""

    country: str
    identity: str
    canonical: str
    fp: int | None = None
    at: datetime | None = None
    total: int | None = None
    operation: int | None = None
    verifiable: bool = True


def slip_of(text: str) -> Slip:
    """What a text says.

    Raises:
        Problem: it is no receipt; its `code` says what it is instead, or what is wrong with it.
    """
    try:
        return of_russia(receipt.read(text))
    except Problem as problem:
        if getattr(problem, "code", "") != "not_fiscal":
            raise
        found = countries.recognise(text)
        if found is None:
            raise
    return _of_elsewhere(found)


def of_russia(found: Receipt) -> Slip:
    """A Russian receipt."""
    return Slip("RU", found.identity, found.canonical, found.fp, found.at, found.total, found.operation)


def _of_elsewhere(found: Foreign) -> Slip:
    return Slip(
        found.country, found.key, found.canonical, None, found.at, found.total, found.operation,
        verifiable=found.can_be_verified,
    )  # fmt: skip


def key_of(scan_id: UUID, n: int) -> UUID:
    """The id of a picture's n-th receipt: the scan's own, and for further ones an id made from it."""
    return scan_id if n == 0 else uuid5(scan_id, str(n))


def refusal(settings: Settings, slip: Slip, now: datetime) -> str | None:
    """Why a receipt is not taken at all. Returns are: they take a bonus back."""
    if slip.operation in REFUSED_OPERATIONS and slip.operation != 2:
        return REFUSED_OPERATIONS[slip.operation]
    if slip.at is None:
        return None
    if slip.at - LATEST_ZONE > now.replace(tzinfo=None) + SLOW_CLOCK:
        return "in_future"
    hours = settings.numbers.at("receipt_age_hours", now.date())
    if slip.at - EARLIEST_ZONE < now.replace(tzinfo=None) - timedelta(hours=hours):
        return "too_old"
    return None


async def send(db: Database, settings: Settings, agent: Agent, key: UUID, slip: Slip, now: datetime) -> Sent:
    """Take a receipt in under the phone's id; again gives the first answer.

    Raises:
        TooManyRequests: the account has sent its number for the day. psycopg.Error SB012: the device has ended.
    """
    if reason := refusal(settings, slip, now):
        return Sent(None, "refused", reason)
    most = settings.numbers.at("receipts_per_day", now.date())
    await limits.spend(db, f"receipts:{agent.account_id}", seconds=DAY, most=most)
    hours = settings.numbers.at("receipt_decide_hours", now.date())
    waits = not (slip.verifiable and settings.receipt_providers)
    row = await db.call(
        SEND, account=agent.account_id, device=agent.device_id, key=key, country=slip.country, identity=slip.identity,
        fp=slip.fp, canonical=slip.canonical, at=slip.at, total=slip.total, operation=slip.operation,
        decide_by=now + timedelta(hours=hours), waits=waits,
    )  # fmt: skip
    return _sent(row, waits=waits)


def _sent(row: Any, *, waits: bool) -> Sent:
    if row.repeated:
        return Sent(row.id, "repeated")
    # A repeat of the request gets the first answer: what became of the receipt since is told by its own address.
    at_once = ("already_claimed", "is_return") if waits else ("already_claimed",)
    refused = row.state == "refused" and row.reason in at_once
    return Sent(row.id, "refused" if refused else "pending", row.reason if refused else None, row.changed)


def is_quick(bought_at: datetime, sent_at: datetime) -> bool:
    """Whether a receipt was sent within two minutes of the sale, in one of the zones where a till may stand."""
    apart = sent_at.astimezone(UTC).replace(tzinfo=None) + LATEST_ZONE - bought_at
    within = apart % timedelta(hours=1) <= timedelta(minutes=2)
    return within and timedelta() <= apart <= LATEST_ZONE - EARLIEST_ZONE + timedelta(minutes=2)
