"""Wire format of gift cards at tills. Amounts in kopecks."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel
from backend.shops.schemas import ServedBrand, TillKey

Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="As typed, or the text of its QR code.",
        examples=["7K2M-QX9A-0TRB-N4VD-81CH"],
    ),
]
Amount = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks.", examples=[150000])]
Balance = Annotated[int, Meta(ge=0, description="The balance in kopecks.", examples=[350000])]


class GiftCardBalanceIn(RequestModel):
    """The code of a gift card."""

    code: Code


class GiftCardBalance(ResponseModel, omit_defaults=False):
    """The balance of a gift card."""

    balance: Balance
    nominal: Annotated[int, Meta(description="The face value in kopecks.", examples=[500000])]
    valid_until: Annotated[date | None, Meta(description="Its last day.", examples=["2027-11-22"])]
    brand: ServedBrand
    partial: Annotated[
        bool,
        Meta(description="Whether it can be used in parts. If not, it is a discount: used once, the rest lapses."),
    ]


class GiftCardRedemptionIn(RequestModel):
    """A part of a gift card that a till redeems."""

    code: Code
    amount: Amount


class GiftCardReturnIn(RequestModel):
    """The amount of a use that is returned to the gift card. `till` names the till of the use, if several tills used
    this id.
    """

    amount: Amount
    till: TillKey | None = None


class GiftCardRedemptionOut(ResponseModel):
    """The redeemed or returned amount, and the balance after it."""

    amount: Amount
    balance: Balance
