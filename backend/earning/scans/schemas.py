"""Requests and responses of scans; responses are in the caller's language and under 500 bytes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.core.language import translate
from backend.earning.receipts import reasons as receipts
from backend.earning.receipts.schemas import FiscalReceiptOut
from backend.earning.scans.code_details import CodeDetails, CodeKey, CodeLocation, CodeProduct
from backend.earning.scans.outcomes import ScanOutcome
from backend.earning.scans.receipts import ReceiptDetails
from backend.programmes.rules.explanation import (
    AccrualAmounts,
    AdditionalAwardOut,
    Explanation,
    RuleVersion,
    additional_out,
    explain_accrual,
)

Kind = Literal["package", "receipt", "promo", "certificate", "marking", "barcode", "unknown"]
Status = Literal["credited", "pending", "repeated", "refused"]
ScanText = Annotated[str, Meta(min_length=1, max_length=2000, examples=["HTTPS://EX.RU/C/0A7K2M9XJ4T0C8WN"])]
SCAN_TIME_DESCRIPTION = (
    "When the phone scanned it: campaign, cap and day are those of that time, up to 72 hours before it arrives; "
    "otherwise those of the arrival."
)
OptionalScanTime = (
    Annotated[
        datetime,
        Meta(
            tz=True,
            description=SCAN_TIME_DESCRIPTION,
            examples=["2026-11-22T09:59:00Z"],
        ),
    ]
    | None
)
DecideBy = (
    Annotated[
        datetime,
        Meta(tz=True, description="A receipt is decided by this time.", examples=["2026-11-27T15:31:00Z"]),
    ]
    | None
)


class ScanIn(RequestModel):
    """A text that the phone scanned or the person typed."""

    text: ScanText
    taken_at: OptionalScanTime = None


class QueuedScan(ScanIn, kw_only=True):
    """A scan that was queued on the phone while it was offline."""

    id: UUID


class ScanBatchIn(RequestModel):
    """Up to 200 scans, in any order. Idempotent."""

    scans: Annotated[list[QueuedScan], Meta(min_length=1, max_length=200)]


class ScanOut(ResponseModel):
    """The outcome of a scan."""

    id: UUID
    kind: Annotated[Kind, Meta(examples=["package"])]
    status: Annotated[Status, Meta(examples=["pending"])]
    amount: Annotated[int | None, Meta(description="Minor units.", examples=[15000])] = None
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None
    explanation: Explanation | None = None
    additional: Annotated[
        list[AdditionalAwardOut],
        Meta(
            description="The part of `amount` from stacking campaigns; the explanation covers the rest.", examples=[[]]
        ),
    ] = field(default_factory=list)
    receipt: Annotated[
        FiscalReceiptOut | None, Meta(description="The fields of a receipt. See `/v1/receipts/{id}`.")
    ] = None
    decide_by: DecideBy = None
    reason: Annotated[
        str | None, Meta(description="Why it was refused, for machines.", examples=[None, "already_claimed"])
    ] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None, "Keep the label."])] = None
    code: Annotated[
        str | None,
        Meta(
            description="In its printed form; only the end of a certificate's code; absent for receipts.",
            examples=["0A7K-2M9X-J4T0-C8WN"],
        ),
    ] = None
    product: Annotated[CodeProduct | None, Meta(description="The product of the code.")] = None
    place: Annotated[
        CodeLocation | None,
        Meta(description="Place in the picture. A repeat may lack it while pictures cannot be read."),
    ] = None
    others: Annotated[
        list["ScanOut"],
        Meta(description="Further known codes of the same picture.", examples=[[]]),
    ] = field(default_factory=list)


class ScanBatchOut(ResponseModel):
    """One outcome for each scan, in the order sent."""

    items: list[ScanOut]


# What each reason means, for people, and what they can do.
REASONS = receipts.RECEIPT_REASONS | {
    "typing_error": "A symbol is wrong. Check the code and type it again.",
    "unknown_code": "There is no such code. Check it against the label.",
    "not_active": "This code is not active yet. Keep the label and scan it again in a few days.",
    "revoked": "This code was withdrawn by the maker. Keep the label and ask the shop.",
    "closed": "The time to claim this code is over.",
    "already_claimed": "This code has already been claimed. If the pack was sealed, keep it and complain.",
    "no_campaign": "Nothing is paid for this product now. Keep the label: it can be scanned again.",
    "day_cap": "Your limit for today does not cover this. Keep the label and scan it again tomorrow: nothing is lost.",
    "agent_cap": "Your limit for this offer does not cover this. Keep the label: another offer may pay for it.",
    "budget_spent": "The budget of this offer is spent. Keep the label: it can be scanned again.",
    "unlisted": "The maker has not listed this unit. Keep the label and ask the shop.",
    "serial_unclear": "This marking code is incomplete. Scan the code itself with the camera.",
    "unknown_product": "This product takes part in no programme.",
    "unreadable": "The marking code is incomplete. Scan it again from nearby.",
    "nothing_found": "No code was found in the picture. Move closer, hold still, and add light.",
    "unknown": "We do not know this code.",
    "show_at_till": "Show this code at the till.",
    "too_many": "You have sent too many codes that do not exist. Keep this one and send it again in an hour.",
    "body_changed": "This id was already used for another scan.",
}
REPEATED = "You have already claimed this code."
VERIFYING = receipts.VERIFYING
SENT_BEFORE = "You have sent this receipt already."


class ScanDetails(msgspec.Struct, frozen=True):
    """The details that a response adds to outcomes: rules, receipts, printed forms and products."""

    versions: Mapping[int, RuleVersion]
    receipts: Mapping[CodeKey, ReceiptDetails]
    codes: Mapping[CodeKey, CodeDetails]
    products: Mapping[CodeKey, CodeProduct]


def scan_out(outcome: ScanOutcome, details: ScanDetails) -> ScanOut:
    """The response to one outcome."""
    out = ScanOut(id=outcome.id, kind=outcome.kind, status=outcome.status)  # type: ignore[arg-type]
    if outcome.reason is not None:
        out.reason = outcome.reason
        out.next = translate(REASONS[outcome.reason])
    if outcome.status == "repeated":
        out.next = translate(SENT_BEFORE if outcome.receipt_id else REPEATED)
    key = outcome.id, outcome.n
    if receipt := details.receipts.get(key):
        out.receipt, out.decide_by = receipt.slip, receipt.decide_by
    if code := details.codes.get(key):
        out.code, out.place = code.code, code.place
    out.product = details.products.get(key)
    if outcome.status == "pending" and outcome.receipt_id:
        # A reviewer, not the tax service, decides a receipt of another country or without a provider.
        waits_for = receipt.waits_for if receipt else None
        out.next = translate(REASONS[waits_for] if waits_for else VERIFYING)
    if outcome.amount is not None and outcome.version_id is not None:
        version = details.versions[outcome.version_id]
        out.amount, out.currency = outcome.amount, version.currency
        out.explanation = explain_accrual(version, _accrued(outcome), waits=outcome.status == "pending")
        out.additional = additional_out(outcome.additional or (), details.versions)
        out.amount += sum(row.amount for row in out.additional)
    return out


def _accrued(outcome: ScanOutcome) -> AccrualAmounts:
    figures = {name: getattr(outcome, name) for name in AccrualAmounts.__struct_fields__}
    return AccrualAmounts(**figures)


def picture_out(outcomes: list[ScanOutcome], details: ScanDetails) -> ScanOut:
    """The response to the outcomes of one picture: the best first, the rest in `others`."""
    order = {"credited": 0, "pending": 1, "repeated": 2, "refused": 3}
    # Unknown codes are left out if there are known ones.
    recognised = [row for row in outcomes if row.kind != "unknown"] or outcomes[:1]
    first, *others = sorted(recognised, key=lambda row: (order[row.status], row.n))
    out = scan_out(first, details)
    out.others = [scan_out(row, details) for row in others]
    return out
