"""Query parameters of the console's lists and figures; each set of filters is a dependency of its routes."""

from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Annotated, Any

from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Db
from backend.core.http.models import Now
from backend.earning.receipts.models import ReceiptState
from backend.identity.brands import authentication
from backend.identity.brands.authentication import CurrentMember
from backend.reporting.lists import list_filters
from backend.reporting.lists.list_filters import AuditFilters, Filters, PeriodLimited
from backend.reporting.lists.service import RedemptionStatus, ScanStatus
from backend.spending.accounting.service import AccountingPeriodInvalid, Period

First = Annotated[
    date | None, QueryParameter(name="from", description="The first day, Moscow's; 30 days back without.")
]
Last = Annotated[date | None, QueryParameter(name="to", description="The last day; today without.")]
Campaign = Annotated[str | None, QueryParameter(max_length=64, description="A campaign's key.")]
Product = Annotated[str | None, QueryParameter(max_length=64, description="A product's SKU.")]
Shop = Annotated[str | None, QueryParameter(max_length=64, description="Your key of a shop.")]
Agent = Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,32}(?!\n)$", description="A card number.")]
StaffEmail = Annotated[
    str | None, QueryParameter(name="member", max_length=254, description="E-mail of a member of staff.")
]
EventKind = Annotated[
    str | None,
    QueryParameter(
        name="event_kind",
        pattern=r"^[a-z_]+\.[a-z_]*(?!\n)$",
        max_length=60,
        description="`staff.changed`, or all of `staff.`.",
    ),
]
PERIOD_ERRORS = (AccountingPeriodInvalid, PeriodLimited)

ThePeriod = NamedDependency[Period]
GoodsFilters = NamedDependency[Filters]
TheFilters = NamedDependency[Filters]
TheAuditFilters = NamedDependency[AuditFilters]
AnyFilters = NamedDependency[Any]  # of either class: msgspec supports no union of two named tuples


def provide(wanted: Callable[..., Filters | AuditFilters]) -> dict[str, Provide]:
    """The dependencies of routes that need `wanted`, and their own dependencies."""
    by_name: dict[str, Callable[..., Period | Filters | AuditFilters]] = {
        "period": _parse_period,
        "goods": goods_filters,
        "wanted": wanted,
    }
    filters_of = {name: Provide(provider, sync_to_thread=False) for name, provider in by_name.items()}
    return filters_of | {"session": Provide(_session_after_filters)}


async def _session_after_filters(
    db: Db,
    staff: CurrentMember,
    wanted: AnyFilters,  # noqa: ARG001 - a dependency that must come first
) -> AsyncGenerator[AsyncSession, None]:
    """The brand's transaction, opened once the filters are valid: the framework does not close a dependency when a
    later one of the same request fails."""
    async with authentication.brand_transaction(db, staff) as session:
        yield session


def _parse_period(now: Now, first: First = None, last: Last = None) -> Period:
    return list_filters.parse_period(first, last, now)


def goods_filters(
    period: ThePeriod, campaign: Campaign = None, product: Product = None, agent: Agent = None
) -> Filters:
    """The common filters of redemptions, scans and receipts."""
    return Filters(period, campaign, product, agent=agent)


def redemption_filters(
    goods: GoodsFilters, shop: Shop = None, status: FromQuery[RedemptionStatus | None] = None
) -> Filters:
    """Filters of redemptions."""
    return goods._replace(shop=shop, status=status)


def scan_filters(goods: GoodsFilters, status: FromQuery[ScanStatus | None] = None) -> Filters:
    """Filters of scans."""
    return goods._replace(status=status)


def receipt_filters(goods: GoodsFilters, status: FromQuery[ReceiptState | None] = None) -> Filters:
    """Filters of receipts."""
    return goods._replace(status=status)


def figure_filters(period: ThePeriod, campaign: Campaign = None) -> Filters:
    """Filters of figures."""
    return Filters(period, campaign)


def audit_filters(period: ThePeriod, member: StaffEmail = None, kind: EventKind = None) -> AuditFilters:
    """Filters of the audit log."""
    return AuditFilters(period, member, kind)
