"""The entries of an agent's timeline, with their reasons."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from backend.core.language import translate
from backend.earning.receipts.reasons import REASONS as RECEIPTS
from backend.earning.scans.schemas import REASONS as SCANS
from backend.programmes.rules.explanation import AccrualAmounts, RuleVersionCache, explain_accrual
from backend.reporting.lookups.agent_schemas import TimelineEntryOut
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


async def build_entries(rows: Sequence[Any], versions: RuleVersionCache) -> list[TimelineEntryOut]:
    """The response entries of a timeline's rows, each with its reason."""
    await versions.load(row.body.get("version_id") for row in rows)
    return [_build_entry(row, versions) for row in rows]


def _build_entry(row: Any, versions: RuleVersionCache) -> TimelineEntryOut:
    body = row.body
    details = {name: value for name, value in body.items() if name not in FIELDS and value is not None}
    if "movement" in details:
        details["movement"] = MovementKind(details["movement"]).name.lower()
    return TimelineEntryOut(
        row.kind,
        row.at,
        row.id,
        body.get("state"),
        body.get("amount"),
        body.get("currency"),
        _explain_reason(row.kind, body, versions),
        body.get("reason"),
        details,
    )


def _explain_reason(kind: str, body: dict[str, Any], versions: RuleVersionCache) -> str | None:
    if kind == "movement":
        return {
            6: translate("Expired unspent."),
            7: clawback_text(body["cause"]),
            8: translate("A debt was written off."),
        }[body["movement"]]
    if kind == "correction":
        correction_reason: str = body["said"]
        return correction_reason
    if body.get("version_id") is not None:
        return _explain_award(body, versions)
    reason: str = body.get("reason") or ""
    return translate(REASONS[kind][reason]) if reason in REASONS.get(kind, ()) else None


def _explain_award(body: dict[str, Any], versions: RuleVersionCache) -> str:
    accrued = AccrualAmounts(
        body["version_id"],
        body["base"],
        body["gross"],
        body.get("accrued", body["amount"]),
        date.fromisoformat(body["matures_on"]),
        date.fromisoformat(body["expires_on"]),
    )
    return explain_accrual(versions.loaded[body["version_id"]], accrued, waits=body["waits"]).text
