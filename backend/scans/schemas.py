"""What scans say over the wire, in the caller's language and under 500 bytes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from backend.language import say
from backend.programmes.explain import Accrued, Explanation, Version, explain
from backend.receipts import reasons as receipts
from backend.receipts.schemas import SlipOut
from backend.scans.outcomes import Outcome
from backend.scans.receipts import Shown
from backend.wire import In, Out

Place = tuple[UUID, int]  # a scan and its code
Kind = Literal["package", "receipt", "promo", "certificate", "marking", "barcode", "unknown"]
Status = Literal["credited", "pending", "repeated", "refused"]
ScanText = Annotated[str, Meta(min_length=1, max_length=2000, examples=["HTTPS://EX.RU/C/0A7K2M9XJ4T0C8WN"])]
TakenAt = (
    Annotated[datetime, Meta(tz=True, description="When the phone saw it.", examples=["2026-11-22T09:59:00Z"])] | None
)
DecideBy = (
    Annotated[
        datetime,
        Meta(tz=True, description="Until then a receipt will be decided.", examples=["2026-11-27T15:31:00Z"]),
    ]
    | None
)


class ScanIn(In):
    """What the phone read or the person typed."""

    text: ScanText
    taken_at: TakenAt = None


class QueuedScan(ScanIn, kw_only=True):
    """A scan that waited in the phone for a network."""

    id: UUID


class QueueIn(In):
    """Up to 200 scans, in any order; sending them again is harmless."""

    scans: Annotated[list[QueuedScan], Meta(min_length=1, max_length=200)]


class ScanOut(Out):
    """What became of a scan."""

    id: UUID
    kind: Annotated[Kind, Meta(examples=["package"])]
    status: Annotated[Status, Meta(examples=["pending"])]
    amount: Annotated[int | None, Meta(description="Minor units.", examples=[15000])] = None
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None
    explanation: Explanation | None = None
    receipt: Annotated[SlipOut | None, Meta(description="What a receipt says. Look at `/v1/receipts/{id}`.")] = None
    decide_by: DecideBy = None
    reason: Annotated[str | None, Meta(description="Why not, for machines.", examples=[None, "already_claimed"])] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None, "Keep the label."])] = None
    others: Annotated[
        list["ScanOut"],
        Meta(description="Further codes of the same picture that mean something.", examples=[[]]),
    ] = field(default_factory=list)


class QueueOut(Out):
    """One answer for each scan, in the order sent."""

    items: list[ScanOut]


# What each reason means to a person, and what can be done about it.
REASONS = receipts.RECEIPT | {
    "typing_error": "A symbol is wrong. Check the code and type it again.",
    "unknown_code": "There is no such code. Check it against the label.",
    "not_active": "This code is not active yet. Keep the label and scan it again in a few days.",
    "revoked": "This code was withdrawn by the maker. Keep the label and ask the shop.",
    "closed": "The time to claim this code is over.",
    "already_claimed": "Somebody else has already claimed this. If the pack was sealed, keep it and complain.",
    "no_campaign": "Nothing is paid for this product now. Keep the label: it can be scanned again.",
    "day_cap": "Your limit for today is reached. Keep the label and scan it again tomorrow.",
    "budget_spent": "The budget of this offer is spent. Keep the label: it can be scanned again.",
    "unlisted": "The maker has not named this unit as one of his. Keep the label and ask the shop.",
    "unknown_product": "This product takes part in no programme.",
    "unreadable": "The marking code is incomplete. Scan it again from nearby.",
    "nothing_found": "No code was found in the picture. Come nearer, hold still, and add light.",
    "unknown": "We do not know this code.",
    "show_at_till": "Show this code at the till.",
    "body_changed": "This id was used before for another scan.",
}
REPEATED = "You have already claimed this code."
VERIFYING = "We check this receipt with the tax service. Keep the paper."
SENT_BEFORE = "You have sent this receipt already."


def scan_out(outcome: Outcome, versions: Mapping[int, Version], shown: Mapping[Place, Shown]) -> ScanOut:
    """An outcome as the phone shows it."""
    out = ScanOut(id=outcome.id, kind=outcome.kind, status=outcome.status)  # type: ignore[arg-type]
    if outcome.reason is not None:
        out.reason = outcome.reason
        out.next = say(REASONS[outcome.reason])
    if outcome.status == "repeated":
        out.next = say(SENT_BEFORE if outcome.receipt_id else REPEATED)
    if told := shown.get((outcome.id, outcome.n)):
        out.receipt, out.decide_by = told.slip, told.decide_by
    if outcome.status == "pending" and outcome.receipt_id:
        out.next = say(VERIFYING)
    if outcome.amount is not None and outcome.version_id is not None:
        version = versions[outcome.version_id]
        out.amount, out.currency = outcome.amount, version.currency
        out.explanation = explain(version, _accrued(outcome), waits=outcome.status == "pending")
    return out


def _accrued(outcome: Outcome) -> Accrued:
    figures = {name: getattr(outcome, name) for name in Accrued.__struct_fields__}
    return Accrued(**figures)


def picture_out(outcomes: list[Outcome], versions: Mapping[int, Version], shown: Mapping[Place, Shown]) -> ScanOut:
    """The outcomes of one picture: the best first, the others beside it."""
    order = {"credited": 0, "pending": 1, "repeated": 2, "refused": 3}
    # What means nothing to us is not worth a line beside what does.
    known = [row for row in outcomes if row.kind != "unknown"] or outcomes[:1]
    first, *others = sorted(known, key=lambda row: (order[row.status], row.n))
    out = scan_out(first, versions, shown)
    out.others = [scan_out(row, versions, shown) for row in others]
    return out
