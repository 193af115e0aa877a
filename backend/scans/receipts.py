"""Receipts among the texts of a scan: they are sent to their own room first, and shown with what they say."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.accounts.door import Agent, refusals
from backend.database import Database
from backend.receipts import listing, sending
from backend.receipts.schemas import SlipOut, slip_out
from backend.receipts.sending import Sent
from backend.scans.outcomes import Incoming, Outcome
from backend.settings import Settings
from scanning import receipt
from scanning.countries import ForeignInvalid
from scanning.payload import Payload
from scanning.problem import Problem

RECEIPT = 9  # what a scan refers to that is no cause of money by itself


class Shown(msgspec.Struct, frozen=True):
    """What an answer tells of a receipt: its numbers, and until when it will be decided."""

    slip: SlipOut
    decide_by: datetime | None = None


async def send(
    db: Database, settings: Settings, agent: Agent, texts: Sequence[Incoming], now: datetime
) -> dict[int, Sent]:
    """Send the receipts among texts, by their places; each is safe to send again.

    Raises:
        Unauthenticated: the device has ended. TooManyRequests: the day's number of receipts is full.
    """
    sent = {}
    for place, row in enumerate(texts):
        if row.payload.kind == "receipt":
            sent[place] = await _send(db, settings, agent, row, now)
    return sent


async def _send(db: Database, settings: Settings, agent: Agent, row: Incoming, now: datetime) -> Sent:
    try:
        slip = sending.slip_of(row.payload.value)
    except ForeignInvalid:
        return Sent(None, "refused", "country_damaged")
    except Problem as problem:
        return Sent(None, "refused", getattr(problem, "code", "not_fiscal"))
    with refusals():
        found = await sending.send(db, settings, agent, sending.key_of(row.id, row.n), slip, now)
    return msgspec.structs.replace(found, status="refused", reason="body_changed") if found.changed else found


async def shown(
    db: Database, agent: Agent, outcomes: Sequence[Outcome], texts: Mapping[tuple[UUID, int], str]
) -> dict[tuple[UUID, int], Shown]:
    """What to tell of the receipts among outcomes: from our rows, and of those that were not kept from their texts."""
    mine = [row for row in outcomes if row.kind == "receipt"]
    rows = await listing.by_id(db, agent.account_id, [row.receipt_id for row in mine if row.receipt_id is not None])
    found = {}
    for row in mine:
        if row.receipt_id in rows:
            kept = rows[row.receipt_id]
            waits = kept.state in ("pending", "review")
            found[row.id, row.n] = Shown(slip_out(kept), kept.decide_by if waits else None)
        elif (slip := _of_text(texts.get((row.id, row.n), ""))) is not None:
            found[row.id, row.n] = Shown(slip)
    return found


def _of_text(text: str) -> SlipOut | None:
    try:
        return slip_out(sending.slip_of(text))
    except Problem:
        return None


def chosen(found: Sequence[Payload]) -> list[Payload]:
    """The codes of one picture without those that only stand beside its receipt: alcohol and payment links."""
    places = [place for place, code in enumerate(found) if code.kind == "receipt"]
    best = receipt.choose([found[place].value for place in places])
    if best is None or not _is_readable(found[places[best]].value):
        return list(found)
    return [code for code in found if code.kind != "receipt" or _is_readable(code.value)]


def _is_readable(text: str) -> bool:
    return _of_text(text) is not None


def references(sent: Sent) -> dict[str, Any]:
    """What a scan's record says of its receipt."""
    refused = sent.status == "refused"
    return {"cause": RECEIPT if sent.id else None, "cause_id": sent.id, "reason": sent.reason if refused else None,
            "status": None if refused else sent.status}  # fmt: skip
