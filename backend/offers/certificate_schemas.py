"""Own certificates at tills, over the wire. Money in kopecks."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from backend.shops.schemas import ServedBrand
from backend.wire import In, Out

Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="As it is typed, or the text of its QR code.",
        examples=["7K2M-QX9A-0TRB-N4VD-81CH"],
    ),
]
Taken = Annotated[int, Meta(ge=1, le=10**12, description="Kopecks.", examples=[150000])]
Balance = Annotated[int, Meta(ge=0, description="What is left, in kopecks.", examples=[350000])]


class CertificateShown(In):
    """A certificate that a buyer shows."""

    code: Code


class CertificateBalance(Out, omit_defaults=False):
    """What can be taken of a certificate."""

    balance: Balance
    nominal: Annotated[int, Meta(description="What it was worth at first, in kopecks.", examples=[500000])]
    valid_until: Annotated[date | None, Meta(description="Its last day.", examples=["2027-11-22"])]
    brand: ServedBrand
    partial: Annotated[
        bool,
        Meta(description="Whether it may be used part by part. If not, it is a discount: used once, the rest lapses."),
    ]


class CertificateUseIn(In):
    """A part of a certificate that a till takes."""

    code: Code
    amount: Taken


class CertificateReturnIn(In):
    """What of such a part goes back to the certificate."""

    amount: Taken


class CertificateUseOut(Out):
    """What was taken or given back, and what the certificate held after it."""

    amount: Taken
    balance: Balance
