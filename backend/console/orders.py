"""The console's page about orders: those that wait for a person, goods on their way, and a file for the books."""

from datetime import date
from typing import Annotated

from litestar import Router, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import AfterNumber, Limit
from backend.database import Db, Session
from backend.offers import deciding, orders_out
from backend.offers.deciding_schemas import DeliveryIn, OrderDecisionIn, OrderKept, OrderKeptPage
from backend.offers.models import Kind
from backend.wire import CursorInvalid, Now, TheSettings, cursor, place, raises

CSV = "text/csv"
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The order's number.")]
FILE = ResponseSpec(
    str,
    media_type=CSV,
    description="A line for each order.",
    generate_examples=False,
    examples=[Example(value="order,card,offer,invoice,nominal,price,currency,accepted_at,defers_days\r\n")],
)


@get("/orders", opt=READERS, responses=raises(CursorInvalid))
async def list_kept_orders(
    staff: Staff,
    session: Session,
    wanted: Annotated[
        deciding.State | None, QueryParameter(name="state", description="`waiting`: for a person. All without.")
    ] = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> OrderKeptPage:
    """Orders for what the brand offers: those that wait for a person oldest first, all others newest first."""
    rows = await deciding.page(session, staff, wanted, place(after), limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return OrderKeptPage([OrderKept.of(row) for row in rows[:limit]], following)


@get("/orders/export", opt=READERS, responses={200: FILE} | raises(orders_out.PeriodUnfit))
async def export_orders(
    staff: Staff,
    db: Db,
    first: Annotated[date, QueryParameter(name="from", description="The first day, as the programme counts days.")],
    last: Annotated[date, QueryParameter(name="to", description="The last day.")],
    kind: Annotated[Kind | None, QueryParameter(description="One kind of offers.")] = None,
) -> Stream:
    """Orders that were accepted in a period, for the ERP: of kind `invoice`, what is to be taken off which
    invoice, or how many days later that is paid (`defers_days`; then nothing is taken off)."""
    pieces = orders_out.file(db, staff, orders_out.Wanted(first, last, kind))
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "private, no-store"}
    return Stream(pieces, media_type=CSV, headers=headers)


@get("/orders/{order:int}", opt=READERS, responses=raises(deciding.OrderNotKept))
async def get_kept_order(staff: Staff, session: Session, order: Number) -> OrderKept:
    """One order, and what was done with it."""
    return await deciding.one(session, staff, order)


@put(
    "/orders/{order:int}/decision",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        deciding.OrderNotKept,
        deciding.OrderNotWaiting,
        deciding.OrderDecided,
        deciding.OrderAtLimit,
        deciding.CodeMissing,
    ),
)
async def put_order_decision(
    staff: Staff, session: Session, settings: TheSettings, now: Now, order: Number, data: JSONBody[OrderDecisionIn]
) -> OrderKept:
    """Decide about an order that waits: it is done, or turned down and the money goes back, or let through a limit.

    Once: the same decision again is harmless, another one comes too late.
    """
    return await deciding.decide(session, settings, staff, order, data, now)


@put(
    "/orders/{order:int}/delivery",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        deciding.OrderNotKept,
        deciding.NothingToDeliver,
        deciding.DeliveryEnded,
        deciding.OrderAtLimit,
    ),
)
async def put_order_delivery(
    staff: Staff, session: Session, now: Now, order: Number, data: JSONBody[DeliveryIn]
) -> OrderKept:
    """Say where goods are; their agent sees it in the order. `delivered` ends the order as done."""
    return await deciding.deliver(session, staff, order, data, now)


router = Router(
    "/",
    route_handlers=[list_kept_orders, export_orders, get_kept_order, put_order_decision, put_order_delivery],
    tags=["Spending"],
)
