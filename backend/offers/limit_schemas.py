"""What limits of the year say over the wire."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from backend.offers import tax
from backend.offers.schemas import OrderOut
from backend.offers.tax import Limit, Nature
from backend.settings import Settings
from backend.wire import Out


class LimitOut(Out):
    """What you had of a brand this year under one tax nature, in kopecks. Without `limit` none is set."""

    brand_id: Annotated[int, Meta(examples=[3])]
    brand: Annotated[str, Meta(examples=["Teplomaster"])]
    nature: Annotated[Nature, Meta(examples=["gift"])]
    used: Annotated[int, Meta(examples=[310000])]
    limit: Annotated[int | None, Meta(examples=[400000])] = None
    warning: Annotated[str | None, Meta(description="For people.", examples=["You have had 31 of 40."])] = None


class LimitList(Out):
    """This calendar year's sums by brand and tax nature."""

    year: Annotated[int, Meta(examples=[2026])]
    items: list[LimitOut]


def limit_out(one: Limit) -> LimitOut:
    """A limit as the phone shows it."""
    said = tax.warning(one.used, one.most) if one.warned and one.most is not None else None
    return LimitOut(one.brand_id, one.brand, one.tax, one.used, one.most, said)  # type: ignore[arg-type]


def warned(settings: Settings, row: Any, order: OrderOut, now: datetime) -> OrderOut:
    """An order with a warning where its year's limit is near or passed."""
    most = tax.year_most(settings, row.tax, row.own_rung, now)
    # What waits at the limit is not counted yet, but it is why the limit matters now.
    used = row.year_used or 0
    if row.state == "refused" or most is None:
        return order
    if row.reason == "year_limit" or tax.is_warned(settings, used, most, now):
        order.warning, order.year_used, order.year_limit = tax.warning(used, most), used, most
    return order
