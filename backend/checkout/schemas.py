"""Checkout over the wire. Money in kopecks."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from backend.wire import KEY, LINE, LINE_OR_NOTHING, In, Out

MOST_LINES, MOST_CODES = 500, 10
Kopecks = Annotated[int, Meta(ge=0, le=10**12, examples=[125000])]
Sum = Annotated[int, Meta(description="Kopecks.", ge=0, examples=[125000])]
LineNumber = Annotated[int, Meta(ge=1, le=100_000, examples=[1])]
Quantity = Annotated[float, Meta(gt=0, le=10**6, description="Three decimals count.", examples=[2])]
Code = Annotated[str, Meta(min_length=1, max_length=300, examples=["IVAN7"])]
Why = Annotated[str, Meta(examples=["below_minimum"])]


class BasketLine(In):
    """A line of the basket. `amount` is the line's sum before our discount."""

    line: LineNumber
    name: Annotated[str, Meta(max_length=300, pattern=LINE_OR_NOTHING, examples=["Розетка двойная"])]
    quantity: Quantity
    amount: Kopecks
    sku: Annotated[str, Meta(max_length=64, examples=["RA16-374"])] | None = None
    gtin: Annotated[str, Meta(max_length=20, examples=["4600000000015"])] | None = None


class QuoteIn(In):
    """A basket and the codes that the buyer shows: typed, or the text of their QR codes."""

    codes: Annotated[list[Code], Meta(max_length=MOST_CODES)]
    basket: Annotated[list[BasketLine], Meta(min_length=1, max_length=MOST_LINES)]
    buyer: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=100,
                description="The till's own word for the buyer, such as a loyalty card: only its hash is kept.",
                examples=["card-4711"],
            ),
        ]
        | None
    ) = None


class ReservationIn(QuoteIn, kw_only=True):
    """A basket whose codes are to be kept for it."""

    seconds: Annotated[int, Meta(ge=10, le=86_400, description="How long.", examples=[900])] = 900


class Fiscal(In):
    """The fiscal receipt of a sale: drive, document and sign (Federal Law 54-FZ)."""

    fn: Annotated[str, Meta(pattern=r"^[0-9]{16}(?!\n)$", examples=["9960440300112233"])]
    fd: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["27118"])]
    fp: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["3456789012"])]


class SaleIn(QuoteIn, kw_only=True):
    """What was sold. With `total` the sale is refused if the buyer would have to pay another sum."""

    total: Kopecks | None = None
    reservation: Annotated[str, Meta(max_length=64, pattern=LINE, examples=["cart-17"])] | None = None
    fiscal: Fiscal | None = None


class OfflineSaleIn(QuoteIn, kw_only=True):
    """A sale made without a network: when, and what the till took off by the offers that it had."""

    id: Annotated[str, Meta(pattern=KEY, examples=["2026-11-22-117"])]
    taken_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T09:59:00Z"])]
    discount: Kopecks


class OfflineSalesIn(In):
    """Sales that waited for a network, in any order; sending them again is harmless."""

    sales: Annotated[list[OfflineSaleIn], Meta(min_length=1, max_length=100)]


class LineDiscount(Out):
    """What is taken off one line."""

    line: LineNumber
    discount: Sum


class CodeApplied(Out):
    """A code that takes something off; codes stand in the order in which they did."""

    code: Code
    discount: Sum
    text: Annotated[str, Meta(examples=["5% off"])] = ""


class CodeNot(Out):
    """A code that takes nothing off, and why."""

    code: Code
    reason: Why
    text: Annotated[str, Meta(examples=["The basket is too small for this code."])] = ""


class QuoteOut(Out, omit_defaults=False):
    """What a basket comes to with its codes; `lines` sum up to `discount` exactly."""

    amount: Sum
    discount: Sum
    total: Sum
    lines: list[LineDiscount]
    applied: list[CodeApplied]
    refused: list[CodeNot]


class ReservationOut(QuoteOut, kw_only=True):
    """A quote whose codes are kept until a time."""

    id: Annotated[str, Meta(examples=["cart-17"])]
    state: Annotated[str, Meta(examples=["open"])]
    expires_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:15:00Z"])]


class SaleOut(QuoteOut, kw_only=True):
    """A sale, as it was answered first."""

    id: Annotated[str, Meta(examples=["2026-11-22/117"])]


class OfflineSaleOut(Out):
    """How a sale was settled: `sold`; `conflict`, where not all that was given comes back, or no bonus was paid; or
    `refused`, then nothing was recorded."""

    id: Annotated[str, Meta(examples=["2026-11-22-117"])]
    status: Annotated[Literal["sold", "conflict", "refused"], Meta(examples=["sold"])]
    given: Sum
    repaid: Annotated[int, Meta(description="What the brands owe the shop for it.", ge=0, examples=[125000])]
    conflicts: list[CodeNot] = field(default_factory=list)
    reason: Annotated[str | None, Meta(description="Why it was refused.", examples=[None, "gave_less"])] = None
    text: Annotated[str, Meta(examples=["The sale is too old, or its time has not come yet."])] = ""


class OfflineSalesOut(Out):
    """One answer for each sale, in the order sent."""

    items: list[OfflineSaleOut]


class ReturnLine(In):
    """A part of a sold line. `amount` is its part of the line's sum before our discount."""

    line: LineNumber
    quantity: Annotated[float, Meta(ge=0, le=10**6, examples=[1])]
    amount: Kopecks


class ReturnIn(In):
    """Lines that come back."""

    lines: Annotated[list[ReturnLine], Meta(min_length=1, max_length=MOST_LINES)]


class ReturnOut(Out, omit_defaults=False):
    """What the buyer gets back: the lines' sum less the discount that belonged to it."""

    amount: Sum
    discount: Sum
    refund: Sum
