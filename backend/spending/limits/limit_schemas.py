"""Wire format of yearly limits."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.core.settings import Settings
from backend.spending.accounting import tax
from backend.spending.accounting.tax import YearLimit
from backend.spending.order_rows import OrderRow
from backend.spending.reward_kinds import TaxNature
from backend.spending.schemas import OrderOut


class YearlyLimitOut(ResponseModel):
    """The sum that you received from a brand this year under one tax nature, in kopecks. No `limit`: none is set."""

    brand_id: Annotated[int, Meta(examples=[3])]
    brand: Annotated[str, Meta(examples=["Teplomaster"])]
    nature: Annotated[TaxNature, Meta(examples=["gift"])]
    used: Annotated[int, Meta(examples=[310000])]
    limit: Annotated[int | None, Meta(examples=[400000])] = None
    warning: Annotated[str | None, Meta(description="For people.", examples=["You have had 31 of 40."])] = None


class YearlyLimitList(ResponseModel):
    """This calendar year's sums by brand and tax nature."""

    year: Annotated[int, Meta(examples=[2026])]
    items: list[YearlyLimitOut]


def limit_out(year_limit: YearLimit) -> YearlyLimitOut:
    """A limit in its wire format."""
    warning = (
        tax.limit_warning(year_limit.used, year_limit.limit)
        if year_limit.is_near and year_limit.limit is not None
        else None
    )
    return YearlyLimitOut(
        year_limit.brand_id,
        year_limit.brand,
        year_limit.tax,  # type: ignore[arg-type]
        year_limit.used,
        year_limit.limit,
        warning,
    )


def with_limit_warning(settings: Settings, row: OrderRow, order: OrderOut, now: datetime) -> OrderOut:
    """Add a warning to an order if its yearly limit is near or exceeded."""
    limit = tax.year_limit(settings, row.tax, row.own_rung, now)
    # An order that waits at the limit is not counted yet, but it has reached the limit.
    used = row.year_used or 0
    if row.state == "refused" or limit is None:
        return order
    if row.reason == "year_limit" or tax.is_near_limit(settings, used, limit, now):
        order.warning, order.year_used, order.year_limit = tax.limit_warning(used, limit), used, limit
    return order
