"""Checkout over the wire. Money in kopecks."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from backend.core.http.models import KEY, LINE, LINE_OR_NOTHING, RequestModel, ResponseModel

MOST_LINES, MOST_CODES = 500, 10
Kopecks = Annotated[int, Meta(ge=0, le=10**12, examples=[125000])]
Sum = Annotated[int, Meta(description="Kopecks.", ge=0, examples=[125000])]
LineNumber = Annotated[int, Meta(ge=1, le=100_000, examples=[1])]
Quantity = Annotated[float, Meta(ge=0.001, le=10**6, description="Three decimals count.", examples=[2])]
Code = Annotated[str, Meta(min_length=1, max_length=300, examples=["IVAN7"])]
Why = Annotated[str, Meta(examples=["below_minimum"])]


class BasketLine(RequestModel):
    """A line of the basket. `amount` is the line's sum before our discount."""

    line: LineNumber
    name: Annotated[str, Meta(max_length=300, pattern=LINE_OR_NOTHING, examples=["Розетка двойная"])]
    quantity: Quantity
    amount: Kopecks
    sku: Annotated[str, Meta(max_length=64, examples=["RA16-374"])] | None = None
    gtin: Annotated[str, Meta(max_length=20, examples=["4600000000015"])] | None = None


class QuoteIn(RequestModel):
    """A basket and the codes that the buyer shows: typed, or the text of their QR codes."""

    codes: Annotated[list[Code], Meta(max_length=MOST_CODES)]
    basket: Annotated[list[BasketLine], Meta(min_length=1, max_length=MOST_LINES)]
    buyer: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=100,
                description="The till's own identifier of the buyer, such as a loyalty card. Only its hash is stored.",
                examples=["card-4711"],
            ),
        ]
        | None
    ) = None


class ReservationIn(QuoteIn, kw_only=True):
    """A basket whose codes are to be reserved for it."""

    seconds: Annotated[
        int,
        Meta(ge=10, le=86_400, description="How long; from a web shop's pages 30 minutes at maximum.", examples=[900]),
    ] = 900


class FiscalReceiptIn(RequestModel):
    """The fiscal receipt of a sale: drive, document and sign (Federal Law 54-FZ)."""

    fn: Annotated[str, Meta(pattern=r"^[0-9]{16}(?!\n)$", examples=["9960440300112233"])]
    fd: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["27118"])]
    fp: Annotated[str, Meta(pattern=r"^[0-9]{1,10}(?!\n)$", examples=["3456789012"])]


class SaleIn(QuoteIn, kw_only=True):
    """A sold basket. With `total` the sale is refused if the buyer would have to pay another sum."""

    total: Kopecks | None = None
    reservation: Annotated[str, Meta(max_length=64, pattern=LINE, examples=["cart-17"])] | None = None
    fiscal: FiscalReceiptIn | None = None


class OfflineSaleIn(QuoteIn, kw_only=True):
    """A sale made without a network: its time, and the discount that the till gave by its downloaded offers."""

    id: Annotated[str, Meta(pattern=KEY, examples=["2026-11-22-117"])]
    taken_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T09:59:00Z"])]
    discount: Kopecks


class OfflineSalesIn(RequestModel):
    """Sales that waited for a network, in any order. Idempotent by their ids."""

    sales: Annotated[list[OfflineSaleIn], Meta(min_length=1, max_length=100)]


class LineDiscount(ResponseModel):
    """The discount of one line."""

    line: LineNumber
    discount: Sum


class AppliedCodeOut(ResponseModel):
    """A code that gives a discount. Codes are listed in the order in which they apply."""

    code: Code
    discount: Sum
    text: Annotated[str, Meta(examples=["5% off"])] = ""


class RefusedCodeOut(ResponseModel):
    """A code that gives no discount, and the reason."""

    code: Code
    reason: Why
    text: Annotated[str, Meta(examples=["The basket is too small for this code."])] = ""


class QuoteOut(ResponseModel, omit_defaults=False):
    """The price of a basket with its codes; `lines` sum up to `discount` exactly."""

    amount: Sum
    discount: Sum
    total: Sum
    lines: list[LineDiscount]
    applied: list[AppliedCodeOut]
    refused: list[RefusedCodeOut]


class ReservationOut(QuoteOut, kw_only=True, omit_defaults=True):
    """A quote whose codes are reserved until a time."""

    id: Annotated[str, Meta(examples=["cart-17"])]
    state: Annotated[str, Meta(examples=["open"])]
    expires_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:15:00Z"])]
    release: Annotated[
        str | None,
        Meta(
            description="For pages only: send it in the header Scanback-Release to give the codes back.",
            examples=["nB0mQ2vJx8Yk3uC7dLw1aA"],
        ),
    ] = None


class SaleOut(QuoteOut, kw_only=True):
    """The first response to a sale."""

    id: Annotated[str, Meta(examples=["2026-11-22/117"])]


class OfflineSaleOut(ResponseModel):
    """How an offline sale was settled: `sold`; `conflict`, if not all of the discount is repaid or no bonus was paid;
    or `refused`, if nothing was recorded."""

    id: Annotated[str, Meta(examples=["2026-11-22-117"])]
    status: Annotated[Literal["sold", "conflict", "refused"], Meta(examples=["sold"])]
    given: Sum
    repaid: Annotated[int, Meta(description="What the brands owe the shop for this sale.", ge=0, examples=[125000])]
    conflicts: list[RefusedCodeOut] = field(default_factory=list)
    reason: Annotated[str | None, Meta(description="Why it was refused.", examples=[None, "gave_less"])] = None
    text: Annotated[str, Meta(examples=["The sale is too old, or its time is in the future."])] = ""


class OfflineSalesOut(ResponseModel):
    """One result for each sale, in the order sent."""

    items: list[OfflineSaleOut]


class ReturnLine(RequestModel):
    """A part of a sold line. `amount` is its part of the line's sum before our discount."""

    line: LineNumber
    quantity: Annotated[
        float, Meta(ge=0, le=10**6, description="Three decimals count. 0: only a part of the sum.", examples=[1])
    ]
    amount: Kopecks


class ReturnIn(RequestModel, omit_defaults=True):
    """Returned lines. `till` names the till that sold, if several tills of the shop have a sale with this id."""

    lines: Annotated[list[ReturnLine], Meta(min_length=1, max_length=MOST_LINES)]
    till: (
        Annotated[str, Meta(description="The key of the till that sold.", pattern=KEY, examples=["till-1"])] | None
    ) = None


class ReturnOut(ResponseModel, omit_defaults=False):
    """What the buyer gets back: the lines' sum less its discount."""

    amount: Sum
    discount: Sum
    refund: Sum
