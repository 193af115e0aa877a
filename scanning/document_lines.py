"""The lines of a fiscal document, from any provider's names into ours."""

from decimal import Decimal

import msgspec


class Line(msgspec.Struct, frozen=True):
    """One line of a fiscal document. Amounts are kopecks."""

    n: int  # position in the document, from 0
    name: str  # as printed, stripped; may be empty
    price: int  # for one unit
    quantity: Decimal  # more than nought
    sum: int  # after discounts: the figure to use
    payment: int | None  # tag 1214: 4 is full settlement, None unknown (old formats)
    subject: int | None  # tag 1212: what is sold
    gtin: str | None  # 14 digits, check digit verified
    serial: str | None  # of a marked unit
    supplier_inn: str | None  # tag 1226, when valid
    unit: int | None  # tag 2108
