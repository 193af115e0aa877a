"""Requests and responses about unclear wordings and unread receipts."""

from typing import Annotated

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel
from backend.earning.receipts.review.schemas import Kopecks, Moment

Sku = Annotated[str, Meta(max_length=64, min_length=1, examples=["RA16-374"])]


class WordingProductIn(RequestModel):
    """The product of yours that the wording means. Without `sku`: none of yours."""

    sku: Sku | None
    everywhere: Annotated[
        bool, Meta(description="It applies to this wording in all shops without a decision of their own.")
    ] = False


class ProductCandidate(ResponseModel):
    """A candidate product, the best first."""

    sku: Sku
    name: Annotated[str, Meta(examples=["Розетка двойная белая ОПТИМА РА16-374"])]
    score: Annotated[float, Meta(examples=[0.71])]


class ReceiptWording(ResponseModel):
    """An unclear wording of one shop, with all its lines in review."""

    line: Annotated[int, Meta(description="The oldest line: set the product at its path.", examples=[17])]
    wording: Annotated[str, Meta(description="As printed, in the oldest line.", examples=["Розет. РА16 2-м бел"])]
    shop_inn: Annotated[str, Meta(description="Empty if unknown.", examples=["7707083893"])]
    shop: Annotated[str, Meta(examples=["ООО «Стройдвор»"])]
    lines: Annotated[int, Meta(examples=[3])]
    sum: Kopecks
    decide_by: Moment
    candidates: list[ProductCandidate]


class ReceiptWordingPage(ResponseModel):
    """Wordings, the oldest first."""

    items: list[ReceiptWording]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class WordingProductOut(ResponseModel):
    """What a shop's wording means from now on; `everywhere`: in other shops too."""

    wording: Annotated[str, Meta(description="As printed on the receipt.", examples=["Розет. РА16 2-м бел"])]
    shop_inn: Annotated[str, Meta(examples=["7707083893"])]
    sku: Sku | None
    decided: Annotated[int, Meta(description="Lines that this call decided.", examples=[3])] = 0
    everywhere: Annotated[bool, Meta(examples=[False])] = False


class ManualReceiptLine(RequestModel):
    """A line that a reviewer read off a receipt."""

    sku: Sku
    quantity: Annotated[
        str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?(?!\n)$", description="More than zero.", examples=["2", "1.5"])
    ]
    amount: Annotated[
        int, Meta(ge=1, le=10**11, description="The price of the whole quantity, kopecks.", examples=[90000])
    ]


class ManualReceiptLinesIn(RequestModel):
    """Your goods on the receipt; an empty list if there are none."""

    lines: Annotated[list[ManualReceiptLine], Meta(max_length=200)]
