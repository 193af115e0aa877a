"""What receipts say over the wire, in the caller's language."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, field

from backend.language import say
from backend.programmes.explain import Accrued, Explanation, Version, explain
from backend.receipts.reasons import REASONS
from backend.wire import In, Out

Number = Annotated[str, Meta(min_length=1, max_length=40)]
Fn = Annotated[str, Meta(description="Fiscal drive (ФН), 16 digits.", examples=["7380440902582955"])]
Wall = Annotated[datetime, Meta(tz=False, description="The till's own clock.", examples=["2026-11-22T15:28:00"])]
Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[23220])]


class ReceiptIn(In):
    """The fields of a receipt as they are printed. A text is read as people type; a number of `total` is kopecks."""

    fn: Annotated[Number, Meta(description="ФН, 16 digits.", examples=["7380440902582955"])]
    fd: Annotated[Number | int, Meta(description="ФД, the document's number.", examples=["5321"])]
    fp: Annotated[Number | int, Meta(description="ФП or ФПД, the fiscal sign.", examples=["1291708960"])]
    at: Annotated[Number, Meta(description="Date and time, as printed.", examples=["22.11.2026 15:28"])]
    total: Annotated[Number | int, Meta(description="Roubles as printed, or kopecks as a number.", examples=["232.20"])]
    operation: Annotated[int, Meta(ge=1, le=4, description="1 is a purchase, 2 its return.", examples=[1])] = 1

    def texts(self) -> dict[str, str]:
        """The fields as `scanning.receipt.typed` reads them."""
        total = f"{self.total // 100}.{self.total % 100:02}" if isinstance(self.total, int) else self.total
        return {"fn": self.fn, "fd": str(self.fd), "fp": str(self.fp), "at": self.at, "total": total}


class SlipOut(Out):
    """What the receipt itself says."""

    fn: Fn | None = None
    fd: Annotated[int | None, Meta(description="Number of the document (ФД).", examples=[5321])] = None
    fp: Annotated[int | None, Meta(description="Fiscal sign (ФП).", examples=[1291708960])] = None
    total: Kopecks | None = None
    at: Wall | None = None
    operation: Annotated[int | None, Meta(description="1 purchase, 2 return.", examples=[1])] = None
    country: Annotated[str, Meta(description="Where not Russia.", examples=["KZ"])] = "RU"
    number: Annotated[str | None, Meta(description="The receipt's identity, where not Russia.", examples=[None])] = None


class LineOut(Out):
    """A line of the receipt that a brand pays for, or may."""

    n: Annotated[int, Meta(examples=[0])]
    name: Annotated[str, Meta(description="As printed.", examples=["Розетка Оптима РА16-374 2-мест. белая"])]
    quantity: Annotated[Decimal, Meta(examples=["2"])]
    sum: Annotated[int, Meta(description="Kopecks.", examples=[90000])]
    status: Annotated[Literal["paid", "review", "refused", "returned"], Meta(examples=["paid"])]
    programme_id: Annotated[int | None, Meta(examples=[3])] = None
    amount: Annotated[int | None, Meta(description="Minor units, less what came back.", examples=[5400])] = None
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None
    explanation: Explanation | None = None
    reason: Annotated[str | None, Meta(description="Why not, for machines.", examples=[None, "doubtful"])] = None
    next: Annotated[str | None, Meta(description="What to do, for people.", examples=[None])] = None


class ReceiptOut(Out):
    """A receipt and what became of it. `pending`: it is being verified; `review`: a person looks at it."""

    id: UUID
    status: Annotated[Literal["pending", "review", "credited", "refused"], Meta(examples=["credited"])]
    receipt: SlipOut
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
    lines: list[LineOut] = field(default_factory=list)


class ReceiptPage(Out):
    """Receipts, newest first."""

    items: list[ReceiptOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


def slip_out(row: Any) -> SlipOut:
    """What a receipt says, from its row."""
    if row.country != "RU":
        return SlipOut(total=row.total, at=row.at, operation=row.operation, country=row.country, number=row.identity)
    fn, _, fd = row.identity.partition(":")
    return SlipOut(fn, int(fd), row.fp, row.total, row.at, row.operation)


def receipt_out(row: Any, lines: Iterable[Any], versions: Mapping[int, Version]) -> ReceiptOut:
    """A receipt as the phone shows it."""
    waits = row.state in ("pending", "review") or row.decided_at is None
    out = ReceiptOut(
        row.key, row.state, slip_out(row), row.sent_at, decide_by=row.decide_by if waits else None, shop=row.shop or "",
        has_photo=row.photo is not None, may_answer=waits and row.state != "pending" and row.answered_at is None,
        lines=[_line_out(line, versions) for line in lines],
    )  # fmt: skip
    reason = row.reason or ("not_found" if row.state == "pending" and row.tries else None)
    if reason is not None:
        out.reason, out.next = reason, say(REASONS[reason])
    return out


def _line_out(line: Any, versions: Mapping[int, Version]) -> LineOut:
    back = line.state == "paid" and line.amount > 0 and line.returned == line.amount
    out = LineOut(
        line.n, line.name, line.quantity.normalize(), line.sum, "returned" if back else line.state, line.programme_id
    )
    reason = line.reason or ("returned" if back else None)
    if line.state == "paid":
        version = versions[line.version_id]
        out.amount, out.currency = line.amount - line.returned, version.currency
        out.explanation = explain(version, _accrued(line), waits=line.waits)
    if reason is not None:
        out.reason, out.next = reason, say(REASONS[reason])
    return out


def _accrued(line: Any) -> Accrued:
    return msgspec.convert({name: getattr(line, name) for name in Accrued.__struct_fields__}, Accrued)
