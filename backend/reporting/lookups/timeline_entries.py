"""The entries of an agent's timeline, with their reasons."""

from collections.abc import Sequence
from datetime import date

import msgspec

from backend.core.language import translate
from backend.earning.receipts.reasons import REASONS as RECEIPTS
from backend.earning.scans.schemas import REASONS as SCANS
from backend.programmes.rules.explanation import AccrualAmounts, RuleVersionCache, explain_accrual
from backend.reporting.lookups.agent_schemas import TimelineEntryOut
from backend.reporting.lookups.agents import TimelineRow
from backend.spending.reasons import REASONS as ORDERS
from backend.spending.wallets.movement_texts import clawback_text
from payouts.models import MovementKind

REASONS = {"refused_scan": SCANS, "redemption": RECEIPTS, "receipt": RECEIPTS, "order": ORDERS}
# Keys that have fields of their own, or that only explain_accrual.
FIELDS = {
    "state",
    "amount",
    "currency",
    "reason",
    "version_id",
    "gross",
    "accrued",
    "matures_on",
    "expires_on",
    "waits",
    "said",
    "cause",
}


class EntryBody(msgspec.Struct):
    """What entries of all kinds have in common; the rest of a body are details."""

    state: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason: str | None = None
    version_id: int | None = None
    # Of corrections, and of movements.
    correction_reason: str | None = msgspec.field(name="said", default=None)
    movement: int | None = None
    cause: int | None = None


class AwardBody(msgspec.Struct):
    """What explains an award. `accrued` is the amount of it where `amount` is what returns left of it."""

    version_id: int
    base: int
    gross: int
    amount: int
    matures_on: date
    expires_on: date
    waits: bool
    accrued: int | None = None


async def build_entries(rows: Sequence[TimelineRow], versions: RuleVersionCache) -> list[TimelineEntryOut]:
    """The response entries of a timeline's rows, each with its reason."""
    bodies = [msgspec.convert(row.body, EntryBody) for row in rows]
    await versions.load(body.version_id for body in bodies)
    return [_build_entry(row, body, versions) for row, body in zip(rows, bodies, strict=True)]


def _build_entry(row: TimelineRow, body: EntryBody, versions: RuleVersionCache) -> TimelineEntryOut:
    details = {name: value for name, value in row.body.items() if name not in FIELDS and value is not None}
    if body.movement is not None:
        details["movement"] = MovementKind(body.movement).name.lower()
    return TimelineEntryOut(
        row.kind,
        row.at,
        row.id,
        body.state,
        body.amount,
        body.currency,
        _explain_reason(row, body, versions),
        body.reason,
        details,
    )


def _explain_reason(row: TimelineRow, body: EntryBody, versions: RuleVersionCache) -> str | None:
    if body.movement is not None and body.cause is not None:
        return {
            6: translate("Expired unspent."),
            7: clawback_text(body.cause),
            8: translate("A debt was written off."),
        }[body.movement]
    if row.kind == "correction":
        return body.correction_reason
    if body.version_id is not None:
        return _explain_award(msgspec.convert(row.body, AwardBody), versions)
    reason = body.reason or ""
    return translate(REASONS[row.kind][reason]) if reason in REASONS.get(row.kind, ()) else None


def _explain_award(body: AwardBody, versions: RuleVersionCache) -> str:
    accrued = AccrualAmounts(
        body.version_id,
        body.base,
        body.gross,
        body.amount if body.accrued is None else body.accrued,
        body.matures_on,
        body.expires_on,
    )
    return explain_accrual(versions.loaded[body.version_id], accrued, waits=body.waits).text
