"""Requests and responses of receipt look-ups: only lines of the brand. Amounts in kopecks."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.core.language import translate
from backend.earning.receipts.models import LineState, ReceiptState
from backend.earning.receipts.reasons import REASONS
from backend.earning.receipts.schemas import FiscalReceiptOut, requisites_out
from backend.reporting.lookups.code_schemas import Card, Moment
from backend.reporting.lookups.receipt_rows import ReceiptRow

Number = Annotated[str, Meta(pattern=r"^[0-9]{1,16}(?!\n)$", examples=["9960440301234567"])]
Reason = Annotated[str | None, Meta(description="For machines.", examples=[None, "no_campaign"])]
Why = Annotated[str | None, Meta(description="The text that the agent reads.", examples=[None])]


QrText = Annotated[
    str,
    Meta(max_length=2000, examples=["t=20261122T1528&s=232.20&fn=9960440301234567&i=12345&fp=987654321&n=1"]),
]


class ReceiptLookupIn(RequestModel):
    """A receipt by the text of its QR code, or by the three numbers that are printed on it."""

    text: QrText | None = None
    fn: Number | None = None
    i: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["12345"])] | None = None
    fp: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["987654321"])] | None = None


class BrandReceiptLine(ResponseModel):
    """A line that is the brand's, or may be."""

    n: Annotated[int, Meta(examples=[0])]
    name: Annotated[str, Meta(examples=["Розетка двойная"])]
    quantity: Annotated[str, Meta(examples=["2"])]
    sum: Annotated[int, Meta(description="Kopecks.", examples=[90000])]
    state: Annotated[LineState, Meta(examples=["paid"])]
    sku: Annotated[str | None, Meta(examples=["RA16-374"])] = None
    amount: Annotated[int, Meta(description="The bonus, in minor units.", examples=[5400])] = 0
    returned: Annotated[int, Meta(description="The part that was clawed back.", examples=[0])] = 0
    reason: Reason = None
    why: Why = None


class BrandReceipt(ResponseModel):
    """A receipt that an agent sent."""

    receipt: Annotated[int, Meta(description="The number of webhooks and files.", examples=[4711])]
    id: Annotated[UUID, Meta(description="The agent's own.", examples=["0193f3a1-8c5e-7b42-9d16-4f7a2c8e5b03"])]
    card_number: Card
    state: Annotated[ReceiptState, Meta(examples=["credited"])]
    slip: FiscalReceiptOut
    sent_at: Moment
    decided_at: Annotated[datetime | None, Meta(examples=["2026-11-22T15:31:00Z"])] = None
    shop: Annotated[str, Meta(examples=["ООО «Стройдвор»"])] = ""
    reason: Reason = None
    why: Why = None
    lines: list[BrandReceiptLine] = field(default_factory=list)

    @classmethod
    def of(cls, row: ReceiptRow) -> Self:
        lines = [
            BrandReceiptLine(
                line["n"],
                line["name"],
                line["quantity"],
                line["sum"],
                line["state"],
                line["sku"],
                line["amount"],
                line["returned"],
                line["reason"],
                reason_text(line["reason"]),
            )
            for line in row.lines
        ]
        return cls(
            row.id,
            row.key,
            row.card_number or "",
            row.state,
            requisites_out(row),
            row.sent_at,
            row.decided_at,
            row.shop or "",
            row.reason,
            reason_text(row.reason),
            lines,
        )


class ReceiptLookupOut(ResponseModel):
    """The receipts of all agents who sent this one, in the order of sending."""

    items: list[BrandReceipt]


def reason_text(reason: str | None) -> str | None:
    """A reason in the caller's language."""
    return translate(REASONS[reason]) if reason in REASONS else None
