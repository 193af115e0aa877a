"""Wire formats of settlement. Amounts in kopecks."""

from datetime import date, datetime
from typing import Annotated, Self

from msgspec import Meta

from backend.checkout.models import Statement
from backend.core.http.models import ResponseModel
from backend.shops.schemas import ServedBrand

Number = Annotated[int, Meta(description="Counts from 1 for each shop and brand.", ge=1, examples=[3])]
Sales = Annotated[int, Meta(description="Sales in which the brand's codes were used.", examples=[118])]
Discounts = Annotated[int, Meta(description="Discounts that the shop gave for the brand.", examples=[1846250])]
Returned = Annotated[int, Meta(description="The part of the discounts that was returned with goods.", examples=[46250])]
Certificates = Annotated[
    int, Meta(description="Paid with the brand's own gift cards, or discounted by them.", examples=[300000])
]
CertificatesReturned = Annotated[
    int, Meta(description="The part of it that was refunded to gift cards.", examples=[50000])
]
Total = Annotated[
    int,
    Meta(
        description="What the brand owes: `discounts` and `certificates` less what of them came back; below 0 "
        "the shop owes it.",
        examples=[2050000],
    ),
]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzNd"])]


class OpenStatement(ResponseModel):
    """The open period so far."""

    number: Number
    sales: Sales
    discounts: Discounts
    returned: Returned
    certificates: Certificates
    certificates_returned: CertificatesReturned
    total: Total


class SettlementStatementOut(ResponseModel):
    """A closed period. It is final: later returns belong to the next one."""

    number: Number
    sales: Sales
    discounts: Discounts
    returned: Returned
    certificates: Certificates
    certificates_returned: CertificatesReturned
    total: Total
    closed_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])]
    through: Annotated[
        date | None, Meta(description="The period's last day, if it was closed for one.", examples=["2026-11-30"])
    ] = None

    @classmethod
    def of(cls, row: Statement) -> Self:
        return cls(
            row.number,
            row.sales,
            row.discounts,
            row.returned,
            row.certificates,
            row.certificates_returned,
            row.total,
            row.closed_at,
            row.through,
        )


class SettlementStatementPage(ResponseModel):
    """Closed periods of a shop and a brand, newest first, and the open one."""

    open: OpenStatement
    items: list[SettlementStatementOut]
    next: Next = None


class BrandOpenStatement(OpenStatement):
    """An open period, with its brand."""

    brand: ServedBrand


class BrandSettlementStatement(SettlementStatementOut, kw_only=True):
    """A closed period, with its brand."""

    brand: ServedBrand


class TillStatementPage(ResponseModel):
    """A shop's closed periods with all brands, newest first, and the open ones."""

    open: list[BrandOpenStatement]
    items: list[BrandSettlementStatement]
    next: Next = None
