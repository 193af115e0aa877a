"""Requests and responses about receipts, in the caller's language."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, field

from backend.core.http.models import RequestModel, ResponseModel
from backend.core.language import money, translate
from backend.earning.receipts.reasons import CHECK_OF_RULE, CHECK_TEXTS, FIELD_NAMES, REASONS, VERIFYING
from backend.earning.receipts.verification.agreement import differing_fields
from backend.programmes.rules.explanation import (
    AccrualAmounts,
    AdditionalAwardOut,
    Explanation,
    RuleVersion,
    additional_out,
    explain_accrual,
)
from scanning.receipts.document import Document

Number = Annotated[str, Meta(min_length=1, max_length=40)]
Fn = Annotated[str, Meta(description="Fiscal drive (ФН), 16 digits.", examples=["7380440902582955"])]
TillTime = Annotated[datetime, Meta(tz=False, description="The till's own clock.", examples=["2026-11-22T15:28:00"])]
Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[23220])]


class ReceiptIn(RequestModel):
    """The fields of a receipt as they are printed. A text is read as people type; a number of `total` is kopecks."""

    fn: Annotated[Number, Meta(description="ФН, 16 digits.", examples=["7380440902582955"])]
    fd: Annotated[Number | int, Meta(description="ФД, the document's number.", examples=["5321"])]
    fp: Annotated[Number | int, Meta(description="ФП or ФПД, the fiscal sign.", examples=["1291708960"])]
    at: Annotated[Number, Meta(description="Date and time, as printed.", examples=["22.11.2026 15:28"])]
    total: Annotated[Number | int, Meta(description="Roubles as printed, or kopecks as a number.", examples=["232.20"])]
    operation: Annotated[int, Meta(ge=1, le=4, description="1 is a purchase, 2 its return.", examples=[1])] = 1

    def texts(self) -> dict[str, str]:
        """The fields as `scanning.receipts.receipt.typed` reads them."""
        total = f"{self.total // 100}.{self.total % 100:02}" if isinstance(self.total, int) else self.total
        return {"fn": self.fn, "fd": str(self.fd), "fp": str(self.fp), "at": self.at, "total": total}


class FiscalReceiptOut(ResponseModel):
    """The requisites of the receipt."""

    fn: Fn | None = None
    fd: Annotated[int | None, Meta(description="Number of the document (ФД).", examples=[5321])] = None
    fp: Annotated[int | None, Meta(description="Fiscal sign (ФП).", examples=[1291708960])] = None
    total: Kopecks | None = None
    at: TillTime | None = None
    operation: Annotated[int | None, Meta(description="1 purchase, 2 return.", examples=[1])] = None
    country: Annotated[str, Meta(description="Where not Russia.", examples=["KZ"])] = "RU"
    number: Annotated[str | None, Meta(description="The receipt's identity, where not Russia.", examples=[None])] = None


class ReturnedLineOut(ResponseModel):
    """What a receipt of a return clawed back from a paid line."""

    n: Annotated[int, Meta(description="Line of the return.", examples=[0])]
    name: Annotated[
        str, Meta(description="As printed on the sale.", examples=["Розетка Оптима РА16-374 2-мест. белая"])
    ]
    quantity: Annotated[Decimal, Meta(examples=["1"])]
    amount: Annotated[int, Meta(description="Minor units that were clawed back.", examples=[2700])]
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None


class ReceiptLineOut(ResponseModel):
    """A line of the receipt that a brand pays for or may pay for."""

    n: Annotated[int, Meta(examples=[0])]
    name: Annotated[str, Meta(description="As printed.", examples=["Розетка Оптима РА16-374 2-мест. белая"])]
    quantity: Annotated[Decimal, Meta(examples=["2"])]
    sum: Annotated[int, Meta(description="Kopecks.", examples=[90000])]
    status: Annotated[Literal["paid", "review", "refused", "returned"], Meta(examples=["paid"])]
    programme_id: Annotated[int | None, Meta(examples=[3])] = None
    amount: Annotated[int | None, Meta(description="Minor units, less what was clawed back.", examples=[5400])] = None
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None
    explanation: Explanation | None = None
    additional: Annotated[
        list[AdditionalAwardOut],
        Meta(description="Part of `amount` from stacking campaigns; the explanation is of the rest.", examples=[[]]),
    ] = field(default_factory=list)
    returned: Annotated[int | None, Meta(description="Minor units that were clawed back.", examples=[None, 2700])] = (
        None
    )
    returned_quantity: Annotated[Decimal | None, Meta(description="Goods that came back.", examples=[None, "1"])] = None
    checks: Annotated[
        list[str], Meta(description="What is being checked, for machines.", examples=[[], ["many_receipts"]])
    ] = field(default_factory=list)
    reason: Annotated[str | None, Meta(description="Why not, for machines.", examples=[None, "doubtful"])] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None])] = None


class ReceiptOut(ResponseModel):
    """A receipt and its state. `pending`: it is being verified; `review`: a person checks it."""

    id: UUID
    status: Annotated[Literal["pending", "review", "credited", "refused"], Meta(examples=["credited"])]
    receipt: FiscalReceiptOut
    sent_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T15:31:00Z"])]
    decide_by: (
        Annotated[
            datetime, Meta(tz=True, description="Until then it will be decided.", examples=["2026-11-27T15:31:00Z"])
        ]
        | None
    ) = None
    shop: Annotated[str, Meta(examples=["ООО «Стройдвор»"])] = ""
    reason: Annotated[str | None, Meta(description="For machines.", examples=[None, "not_found"])] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None])] = None
    has_photo: Annotated[bool, Meta(examples=[False])] = False
    may_answer: Annotated[bool, Meta(description="An answer of yours is awaited.", examples=[False])] = False
    lines: list[ReceiptLineOut] = field(default_factory=list)
    differs: Annotated[
        list[Literal["fp", "at", "total", "operation"]],
        Meta(
            description="With the reason `differs`: the fields that differ in the tax service's data.",
            examples=[[], ["total"]],
        ),
    ] = field(default_factory=list)
    returned: Annotated[
        list[ReturnedLineOut], Meta(description="For a return: what it clawed back from the caller.")
    ] = field(default_factory=list)


class ReceiptPage(ResponseModel):
    """Receipts, newest first."""

    items: list[ReceiptOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def requisites_out(row: Any) -> FiscalReceiptOut:
    """The requisites of a receipt, from its row."""
    if row.country != "RU":
        return FiscalReceiptOut(
            total=row.total, at=row.at, operation=row.operation, country=row.country, number=row.identity
        )
    fn, _, fd = row.identity.partition(":")
    return FiscalReceiptOut(fn, int(fd), row.fp, row.total, row.at, row.operation)


def receipt_out(
    row: Any, lines: Iterable[Any], versions: Mapping[int, RuleVersion], returned: Iterable[Any] = ()
) -> ReceiptOut:
    """The response about a receipt row, with its lines and what it clawed back."""
    waits = row.state in ("pending", "review") or row.decided_at is None
    out = ReceiptOut(
        row.key,
        row.state,
        requisites_out(row),
        row.sent_at,
        decide_by=row.decide_by if waits else None,
        shop=row.shop or "",
        has_photo=row.photo is not None,
        may_answer=waits and row.state != "pending" and row.answered_at is None,
        lines=[_line_out(line, versions) for line in lines],
    )
    out.returned = [_returned_out(back) for back in returned]
    out.reason = row.reason or ("not_found" if row.state == "pending" and row.tries else None)
    if out.reason == "differs" and row.found is not None:
        out.differs = differing_fields(row, msgspec.convert(row.found, Document, strict=False))  # type: ignore[assignment]
    out.next = _next_step(out)
    return out


def _next_step(out: ReceiptOut) -> str | None:
    """The text for the agent about the whole receipt."""
    if out.reason is None:
        return translate(VERIFYING) if out.status == "pending" else None
    if out.reason == "checked":
        return _check_text({check for line in out.lines for check in line.checks})
    if out.differs:
        fields = ", ".join(translate(FIELD_NAMES[name]) for name in out.differs)
        return translate(
            "In the tax service's data this differs: {fields}. Compare it and send it again.", fields=fields
        )
    clawed_back = [money(back.amount, back.currency) for back in out.returned if back.currency and back.amount]
    if out.reason == "is_return" and clawed_back:
        return translate(
            "This is a receipt of a return. It took back of your bonus: {amounts}.", amounts=", ".join(clawed_back)
        )
    return translate(REASONS[out.reason])


def _check_text(checks: Iterable[str]) -> str:
    """The text about what is being checked."""
    return " ".join([*(translate(CHECK_TEXTS[check]) for check in sorted(checks)), translate(REASONS["checked"])])


def _returned_out(row: Any) -> ReturnedLineOut:
    return ReturnedLineOut(row.n, row.name, row.quantity.normalize(), row.amount, row.currency)


def _line_out(line: Any, versions: Mapping[int, RuleVersion]) -> ReceiptLineOut:
    back = line.state == "paid" and line.line_amount > 0 and line.returned == line.line_amount
    out = ReceiptLineOut(
        line.n, line.name, line.quantity.normalize(), line.sum, "returned" if back else line.state, line.programme_id
    )
    reason = line.reason or ("returned" if back else None)
    if line.state == "paid":
        version = versions[line.version_id]
        out.amount, out.currency = line.line_amount - line.returned, version.currency
        out.explanation = explain_accrual(version, _accrual(line), waits=line.waits)
        out.additional = additional_out(line.additional or (), versions)
        if line.returned:
            out.explanation.text += f" {_return_text(line, version.currency)}"
    if line.returned_quantity:
        out.returned, out.returned_quantity = line.returned, line.returned_quantity.normalize()
    if reason == "checked":
        out.checks = sorted({CHECK_OF_RULE.get(rule, "each_checked") for rule in line.rules or ("",)})
        out.reason, out.next = reason, _check_text(out.checks)
    elif reason is not None:
        out.reason, out.next = reason, translate(REASONS[reason])
    return out


def _return_text(line: Any, currency: str) -> str:
    """The text of a paid line after it was clawed back in part or in full."""
    back, left = money(line.returned, currency), money(line.line_amount - line.returned, currency)
    if line.reason == "clawed_back":
        return translate("After a check this was taken back: {back}; left: {left}.", back=back, left=left)
    quantity = f"{line.returned_quantity.normalize():f}"
    return translate("Returned: {quantity}. Taken back: {back}; left: {left}.", quantity=quantity, back=back, left=left)


def _accrual(line: Any) -> AccrualAmounts:
    return msgspec.convert({name: getattr(line, name) for name in AccrualAmounts.__struct_fields__}, AccrualAmounts)
