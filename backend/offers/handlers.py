"""The agents' shop window and their orders."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import ServerSentEvent

from backend.accounts import pins
from backend.accounts.door import SignedIn
from backend.accounts.pins import PinBlocked, PinNeeded, PinWrong
from backend.accounts.schemas import PIN
from backend.database import Db
from backend.errors import BodyChanged, Busy, TooManyRequests
from backend.offers import ordering, window
from backend.offers.limit_schemas import warned
from backend.offers.ordering import (
    NoCode,
    NominalNotOffered,
    NoRate,
    NotOffered,
    OfferUnknown,
    OrderUnknown,
    PlaceUnknown,
    ReferenceNeeded,
    RungTooLow,
    UnitUnfit,
)
from backend.offers.schemas import KindOf, OfferPage, OrderIn, OrderOut, OrderPage, order_out, orders_out
from backend.offers.watching import TheWatches
from backend.passwords import ThePasswords
from backend.tokens import ASKS_ITSELF
from backend.wire import CursorInvalid, Now, TheSettings, cursor, place, raises, with_etag

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
PinHeader = Annotated[
    str | None, HeaderParameter(name="Scanback-Pin", pattern=PIN, description="Where the account has one.")
]


@get("/offers", responses=raises(CursorInvalid))
async def list_offers(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    now: Now,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    kind: Annotated[KindOf | None, QueryParameter(description="What sort of offers.")] = None,
    shelf: Annotated[str | None, QueryParameter(max_length=40)] = None,
    programme_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)] = None,
    affordable: Annotated[bool, QueryParameter(description="Only what the caller's wallets pay for now.")] = False,
) -> Response[OfferPage]:
    """The shop window: what wallets may be spent on. ETag and 304.

    A page may be shorter than `limit` where only the affordable is asked for; it goes on as long as there is `next`.
    """
    wanted = window.Wanted(kind, shelf, programme_id)
    rows = await window.page(db, agent.account_id, now, wanted, after=place(after) or 0, most=limit + 1)
    items = [offer for offer, _ in rows[:limit] if not affordable or (offer.affordable and offer.available)]
    return with_etag(request, OfferPage(items, cursor(rows[limit - 1][1]) if len(rows) > limit else None))


@put(
    "/orders/{key:uuid}",
    opt=ASKS_ITSELF,
    responses=raises(
        OfferUnknown, NotOffered, NominalNotOffered, ReferenceNeeded, PlaceUnknown, UnitUnfit, RungTooLow, NoRate,
        BodyChanged, PinNeeded, PinWrong, PinBlocked,
        TooManyRequests, Busy,
    ),
)  # fmt: skip
async def put_order(
    db: Db, settings: TheSettings, passwords: ThePasswords, now: Now, agent: SignedIn, key: FromPath[UUID],
    data: JSONBody[OrderIn], pin: PinHeader = None,
) -> OrderOut:  # fmt: skip
    """Spend: the price is held, and the order is fulfilled at once or soon. The id is a UUID that the phone makes; the
    same again gets the first order as it stands now. A code that is ready comes with the answer."""
    row = await ordering.place(db, settings, agent, key, data, now)
    if row is None:
        await pins.check(db, passwords, settings, agent, pin, now)
        row = await ordering.place(db, settings, agent, key, data, now, pin_shown=True)
    return warned(settings, row, order_out(row, ordering.code_of(settings, row)), now)


@get("/orders", responses=raises(CursorInvalid))
async def list_orders(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[OrderPage]:
    """The caller's orders, newest first, without their codes. ETag and 304."""
    rows = await ordering.page(db, agent.account_id, place(after), limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return with_etag(request, OrderPage(orders_out(rows[:limit]), following))


@get("/orders/{key:uuid}", responses=raises(OrderUnknown))
async def get_order(
    request: Request[Any, Any, Any], db: Db, settings: TheSettings, now: Now, agent: SignedIn, key: FromPath[UUID]
) -> Response[OrderOut]:
    """How an order stands, without its code. ETag and 304."""
    row = await ordering.one(db, agent.account_id, key)
    return with_etag(request, warned(settings, row, order_out(row), now))


@get("/orders/{key:uuid}/stream", media_type="text/event-stream", responses=raises(OrderUnknown, Busy))
async def stream_order(db: Db, watches: TheWatches, agent: SignedIn, key: FromPath[UUID]) -> Response[OrderOut]:
    """An order as it goes (server-sent events): `order` with how it stands now and at each change, until it ends. A
    comment comes each 15 seconds; after a quarter of an hour the stream ends, come again."""
    await ordering.one(db, agent.account_id, key)
    watches.admit()
    # The annotation is what the events hold; the framework's own says only that it streams.
    return ServerSentEvent(watches.watch(agent, key))  # type: ignore[return-value]


@post(
    "/orders/{key:uuid}/reveal", status_code=200,
    responses=raises(OrderUnknown, NoCode, PinNeeded, PinWrong, PinBlocked, TooManyRequests, Busy),
)  # fmt: skip
async def reveal_code(
    db: Db, settings: TheSettings, passwords: ThePasswords, now: Now, agent: SignedIn, key: FromPath[UUID],
    pin: PinHeader = None,
) -> OrderOut:  # fmt: skip
    """The order with its code. Each time is noted with the device that asked."""
    await pins.require(db, passwords, settings, agent, pin, now)
    row = await ordering.one(db, agent.account_id, key)
    return order_out(row, await ordering.reveal(db, settings, agent, row))


router = Router(
    "/", route_handlers=[list_offers, put_order, list_orders, get_order, stream_order, reveal_code], tags=["Spending"]
)
