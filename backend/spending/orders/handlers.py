"""The catalogue and the orders of agents."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.errors import BodyChanged, Busy, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.passwords import InjectedPasswords
from backend.core.security.tokens import CHECKS_CALLER_ITSELF
from backend.identity.accounts import holds, pins
from backend.identity.accounts.authentication import CurrentAgent
from backend.identity.accounts.holds import AccountHeld
from backend.identity.accounts.ownership_proof import PinHeader
from backend.identity.accounts.pins import PinBlocked, PinNeeded, PinWrong
from backend.notifications.watchers import CurrentWatchers, WatchedState
from backend.spending.limits.limit_schemas import with_limit_warning
from backend.spending.orders import pending_orders
from backend.spending.orders import service as orders
from backend.spending.orders.service import (
    FaceValueNotOffered,
    OfferNotFound,
    OfferUnavailable,
    OrderNotFound,
    OrderWithoutCode,
    PlaceInvalid,
    PriceConflict,
    RateMissing,
    ReferenceRequired,
    UnitInvalid,
    VerificationLevelTooLow,
)
from backend.spending.reward_kinds import RewardKind
from backend.spending.rewards import catalogue
from backend.spending.schemas import OrderIn, OrderOut, OrderPage, RewardPage, order_out, orders_out

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]


@get("/offers", responses=error_responses(CursorInvalid))
async def list_rewards(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    now: Now,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    kind: Annotated[RewardKind | None, QueryParameter(description="Offers of one kind.")] = None,
    shelf: Annotated[str | None, QueryParameter(max_length=40)] = None,
    programme_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)] = None,
    affordable: Annotated[bool, QueryParameter(description="Only offers that the caller's wallets cover now.")] = False,
) -> Response[RewardPage]:
    """The catalogue: what wallets can be spent on. ETag and 304.

    With `affordable` a page may be shorter than `limit`; there are more pages as long as there is `next`.
    """
    filters = catalogue.OfferFilter(kind, shelf, programme_id)
    read = partial(catalogue.offer_page, db, agent.account_id, now, filters, after=number_from_cursor(after) or 0)
    rows, following = await read_page(lambda most: read(most=most), limit, lambda row: row[1])
    items = [offer for offer, _ in rows if not affordable or (offer.affordable and offer.available)]
    return conditional_response(request, RewardPage(items, following))


@put(
    "/orders/{key:uuid}",
    opt=CHECKS_CALLER_ITSELF,
    responses=error_responses(
        OfferNotFound,
        OfferUnavailable,
        FaceValueNotOffered,
        ReferenceRequired,
        PlaceInvalid,
        UnitInvalid,
        VerificationLevelTooLow,
        RateMissing,
        PriceConflict,
        BodyChanged,
        PinNeeded,
        PinWrong,
        PinBlocked,
        TooManyRequests,
        Busy,
    ),
)
async def put_order(
    db: Db,
    settings: CurrentSettings,
    passwords: InjectedPasswords,
    now: Now,
    agent: CurrentAgent,
    key: FromPath[UUID],
    data: JSONBody[OrderIn],
    pin: PinHeader = None,
) -> OrderOut:
    """Place an order: the price is held, and the order is fulfilled at once or soon. The id is a UUID that the phone
    generates; a retry gets the current state of the first order. A code that is ready is in the response, unless the
    account is in the hold after a recovery.
    """
    placed = await orders.place_order(db, settings, agent, key, data, now)
    if placed is None:
        await pins.check_pin(db, passwords, settings, agent, pin, now)
        placed = await orders.place_order(db, settings, agent, key, data, now, pin_shown=True)
    if placed is None:
        raise PinNeeded
    row = placed.order
    code = None if placed.is_held else orders.order_code(settings, row)
    return with_limit_warning(settings, row, order_out(row, code, orders.gift_card_url(settings, row, code)), now)


@get("/orders", responses=error_responses(CursorInvalid))
async def list_orders(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[OrderPage]:
    """The caller's orders, newest first, without their codes. ETag and 304."""
    read = partial(orders.order_page, db, agent.account_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, OrderPage(orders_out(rows), following))


@get("/orders/{key:uuid}", responses=error_responses(OrderNotFound))
async def get_order(
    request: HTTPRequest,
    db: Db,
    settings: CurrentSettings,
    now: Now,
    agent: CurrentAgent,
    key: FromPath[UUID],
) -> Response[OrderOut]:
    """The state of an order, without its code. ETag and 304."""
    row = await orders.order_by_key(db, agent.account_id, key)
    return conditional_response(request, with_limit_warning(settings, row, order_out(row), now))


@delete(
    "/orders/{key:uuid}", status_code=200, responses=error_responses(OrderNotFound, pending_orders.OrderCancelConflict)
)
async def cancel_order(
    session: Session, settings: CurrentSettings, now: Now, agent: CurrentAgent, key: FromPath[UUID]
) -> OrderOut:
    """Cancel an order that waits for staff (`cancellable`): the money is returned at once. A retry is harmless."""
    row = await pending_orders.cancel_order(session, agent, key)
    return with_limit_warning(settings, row, order_out(row), now)


@get("/orders/{key:uuid}/stream", media_type="text/event-stream", responses=error_responses(OrderNotFound, Busy))
async def stream_order(
    request: HTTPRequest, db: Db, watchers: CurrentWatchers, agent: CurrentAgent, key: FromPath[UUID]
) -> Response[OrderOut]:
    """Changes of an order (server-sent events): `order` with the current state and at each change, until it ends. A
    comment is sent every 15 seconds; after a quarter of an hour the stream ends and the client reconnects. An agent has
    at most four streams of orders and receipts: another one ends the oldest.
    """

    async def read() -> WatchedState[OrderOut]:
        row = await orders.order_by_key(db, agent.account_id, key)
        return WatchedState(order_out(row), is_final=row.state != "held")

    return await watchers.stream(request, agent, "order", read)


@post(
    "/orders/{key:uuid}/reveal",
    status_code=200,
    responses=error_responses(
        OrderNotFound, OrderWithoutCode, AccountHeld, PinNeeded, PinWrong, PinBlocked, TooManyRequests, Busy
    ),
)
async def reveal_order_code(
    db: Db,
    settings: CurrentSettings,
    passwords: InjectedPasswords,
    now: Now,
    agent: CurrentAgent,
    key: FromPath[UUID],
    pin: PinHeader = None,
) -> OrderOut:
    """The order with its code. Each reveal is recorded with the calling device. In the hold after a recovery no code is
    revealed.
    """
    await holds.check_account_hold(db, agent.account_id, now)
    await pins.require_pin(db, passwords, settings, agent, pin, now)
    row = await orders.order_by_key(db, agent.account_id, key)
    code = await orders.reveal_code(db, settings, agent, row)
    return order_out(row, code, orders.gift_card_url(settings, row, code))


router = Router(
    "/",
    route_handlers=[list_rewards, put_order, list_orders, get_order, cancel_order, stream_order, reveal_order_code],
    tags=["Rewards and orders"],
)
