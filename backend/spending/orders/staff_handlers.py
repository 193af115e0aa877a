"""Staff endpoints for orders: the queue, decisions, deliveries, and the export."""

from datetime import date
from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Router, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from backend.core.db.database import Db, Session
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.language import language
from backend.identity.approvals import service as approvals
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.spending.orders import decisions
from backend.spending.orders import export as order_export
from backend.spending.orders.decision_schemas import OrderAdmin, OrderAdminPage, OrderDecisionIn, OrderDeliveryIn
from backend.spending.reward_kinds import RewardKind

CSV = "text/csv"
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The order's number.")]
FILE = ResponseSpec(
    str,
    media_type=CSV,
    description="One line an order.",
    generate_examples=False,
    examples=[Example(value="order,card,offer,invoice,nominal,price,currency,accepted_at,defers_days\r\n")],
)


@get("/orders", opt=READERS, responses=error_responses(CursorInvalid))
async def list_brand_orders(
    staff: CurrentMember,
    session: Session,
    order_state: Annotated[
        decisions.OrderStateFilter | None,
        QueryParameter(name="state", description="`waiting`: for staff. All orders if left out."),
    ] = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> OrderAdminPage:
    """Orders of the brand's rewards: pending ones oldest first, all others newest first."""
    read = partial(decisions.order_page, session, staff, order_state, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return OrderAdminPage([OrderAdmin.of(row) for row in rows], following)


@get("/orders/export", opt=READERS, responses={200: FILE} | error_responses(order_export.ExportPeriodInvalid))
async def export_orders(
    staff: CurrentMember,
    db: Db,
    first: Annotated[date, QueryParameter(name="from", description="The first day, in the programme's time zone.")],
    last: Annotated[date, QueryParameter(name="to", description="The last day.")],
    kind: Annotated[RewardKind | None, QueryParameter(description="Offers of one kind.")] = None,
) -> Stream:
    """Orders accepted in a period, for the ERP. For the kind `invoice`: the amount to deduct from the invoice, or the
    days by which it is paid later (`defers_days`; then nothing is deducted).

    In Russian (Accept-Language) with semicolons, decimal commas and Russian column names.
    """
    pieces = order_export.order_csv(db, staff, order_export.OrderExportFilter(first, last, kind), language.get())
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "private, no-store"}
    return Stream(pieces, media_type=CSV, headers=headers)


@get("/orders/{order:int}", opt=READERS, responses=error_responses(decisions.BrandOrderNotFound))
async def get_brand_order(staff: CurrentMember, session: Session, order: Number) -> OrderAdmin:
    """One order with its steps and supplier calls."""
    return await decisions.order_details(session, staff, order)


@put(
    "/orders/{order:int}/decision",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        decisions.BrandOrderNotFound,
        decisions.OrderNotPending,
        decisions.OrderAlreadyDecided,
        decisions.OrderAtLimit,
        decisions.CodeRequired,
        approvals.ApprovalRequired,
    ),
)
async def put_order_decision(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    order: Number,
    data: JSONBody[OrderDecisionIn],
) -> OrderAdmin:
    """Decide about a pending order: it is done, turned down (the money is returned), or allowed above a limit.

    Once: a retry of the same decision is harmless, another decision is rejected.
    """
    return await decisions.decide_order(session, settings, staff, order, data, now)


@put(
    "/orders/{order:int}/delivery",
    opt=EDITORS,
    responses=error_responses(
        RoleForbids,
        decisions.BrandOrderNotFound,
        decisions.OrderWithoutDelivery,
        decisions.DeliveryEnded,
        decisions.OrderAtLimit,
    ),
)
async def put_order_delivery(
    staff: CurrentMember, session: Session, now: Now, order: Number, data: JSONBody[OrderDeliveryIn]
) -> OrderAdmin:
    """Set where goods are; the agent sees it in the order. `delivered` ends the order as done."""
    return await decisions.update_delivery(session, staff, order, data, now)


router = Router(
    "/",
    route_handlers=[list_brand_orders, export_orders, get_brand_order, put_order_decision, put_order_delivery],
    tags=["Rewards and orders"],
)
