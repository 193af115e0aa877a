"""What the queue of unclear wordings says over the wire."""

from typing import Annotated

from msgspec import Meta

from backend.receipts.review_schemas import Kopecks, Moment
from backend.wire import In, Out

Sku = Annotated[str, Meta(max_length=64, min_length=1, examples=["RA16-374"])]


class NamedIn(In):
    """Which product of yours the wording means. No `sku`: nothing of yours."""

    sku: Sku | None


class LikelyProduct(Out):
    """A product that it may be, the best first."""

    sku: Sku
    name: Annotated[str, Meta(examples=["Розетка двойная белая ОПТИМА РА16-374"])]
    score: Annotated[float, Meta(examples=[0.71])]


class Wording(Out):
    """A wording of one shop that is not clear, with all the lines that wait for it."""

    line: Annotated[int, Meta(description="The oldest line: name the product at its address.", examples=[17])]
    wording: Annotated[str, Meta(description="As printed, in the oldest line.", examples=["Розет. РА16 2-м бел"])]
    shop_inn: Annotated[str, Meta(description="Empty if unknown.", examples=["7707083893"])]
    shop: Annotated[str, Meta(examples=["ООО «Стройдвор»"])]
    lines: Annotated[int, Meta(examples=[3])]
    sum: Kopecks
    decide_by: Moment
    candidates: list[LikelyProduct]


class WordingPage(Out):
    """Wordings, those that wait longest first."""

    items: list[Wording]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class NamedOut(Out):
    """What a shop's wording means from now on."""

    wording: Annotated[str, Meta(description="Made plain: so it is compared.", examples=["розет pa16 2-m бел"])]
    shop_inn: Annotated[str, Meta(examples=["7707083893"])]
    sku: Sku | None
    decided: Annotated[int, Meta(description="Lines that this call decided.", examples=[3])] = 0


class ReadLine(In):
    """A line that somebody read off a receipt."""

    sku: Sku
    quantity: Annotated[
        str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?(?!\n)$", description="More than nought.", examples=["2", "1.5"])
    ]
    amount: Annotated[int, Meta(ge=1, le=10**11, description="What all of it cost, kopecks.", examples=[90000])]


class ReadIn(In):
    """What of the receipt is yours; an empty list: nothing."""

    lines: Annotated[list[ReadLine], Meta(max_length=200)]
