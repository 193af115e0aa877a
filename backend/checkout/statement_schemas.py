"""What a brand owes a shop, over the wire. Amounts in kopecks."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta

from backend.checkout.models import Statement
from backend.shops.schemas import ServedBrand
from backend.wire import Out

Number = Annotated[int, Meta(description="Counts from 1 for each shop and brand.", ge=1, examples=[3])]
Sales = Annotated[int, Meta(description="Sales in which the brand's codes were used.", examples=[118])]
Discounts = Annotated[int, Meta(description="What the shop took off for the brand.", examples=[1846250])]
Returned = Annotated[int, Meta(description="What of it came back with returned goods.", examples=[46250])]
Certificates = Annotated[
    int, Meta(description="What was paid with the brand's own certificates, or taken off by them.", examples=[300000])
]
CertificatesReturned = Annotated[int, Meta(description="What of it went back to certificates.", examples=[50000])]
Total = Annotated[
    int,
    Meta(
        description="What the brand owes: `discounts` and `certificates` less what of them came back; below 0 "
        "the shop owes it.",
        examples=[2050000],
    ),
]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzNd"])]


class StatementOpen(Out):
    """The period that is not closed yet, as it stands now."""

    number: Number
    sales: Sales
    discounts: Discounts
    returned: Returned
    certificates: Certificates
    certificates_returned: CertificatesReturned
    total: Total


class StatementOut(Out):
    """A closed period. It stays as it is: what is returned later goes into the next one."""

    number: Number
    sales: Sales
    discounts: Discounts
    returned: Returned
    certificates: Certificates
    certificates_returned: CertificatesReturned
    total: Total
    closed_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])]

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
        )


class StatementPage(Out):
    """Closed periods of a shop and a brand, newest first, and the open one."""

    open: StatementOpen
    items: list[StatementOut]
    next: Next = None


class BrandPeriod(StatementOpen):
    """An open period, and the brand whose it is."""

    brand: ServedBrand


class BrandStatement(StatementOut):
    """A closed period, and the brand whose it is."""

    brand: ServedBrand


class TillStatements(Out):
    """A shop's closed periods with all brands, newest first, and the open ones."""

    open: list[BrandPeriod]
    items: list[BrandStatement]
    next: Next = None
