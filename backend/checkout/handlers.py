"""The till's deeds: quotes, reservations, sales, returns."""

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from backend.checkout import answers, asking, downloads, offline, reservations, returns, service
from backend.checkout.asking import CodesRefused, LineTwice, TheCheckout
from backend.checkout.downloads import OffersOut
from backend.checkout.schemas import (
    Fiscal,
    OfflineSalesIn,
    OfflineSalesOut,
    QuoteIn,
    QuoteOut,
    ReservationIn,
    ReservationOut,
    ReturnIn,
    ReturnOut,
    SaleIn,
    SaleOut,
)
from backend.checkout.service import ReceiptTaken, TotalChanged
from backend.database import Db
from backend.errors import BodyChanged, Busy, TooManyRequests
from backend.shops.door import CashierNeeded, TheTill, TokenInPages
from backend.tokens import ASKS_ITSELF
from backend.wire import KEY, Now, raises, with_etag

Key = Annotated[str, PathParameter(pattern=KEY, description="The till's own id.")]


@post("/quotes", status_code=200, opt=ASKS_ITSELF, responses=raises(LineTwice, TooManyRequests))
async def make_quote(till: TheTill, checkout: TheCheckout, data: JSONBody[QuoteIn]) -> QuoteOut:
    """What a basket comes to with its codes, and for each code why or why not. Keeps nothing."""
    found = await service.quote(checkout, asking.asked(checkout, till, data))
    return answers.shown(QuoteOut, found.answer())


@put(
    "/reservations/{key:str}",
    opt=ASKS_ITSELF,
    responses=raises(CodesRefused, reservations.ReservationsTooMany, LineTwice, BodyChanged, TooManyRequests, Busy),
)
async def put_reservation(
    till: TheTill, checkout: TheCheckout, key: Key, data: JSONBody[ReservationIn]
) -> ReservationOut:
    """Keep the codes of a basket for it until a time; a sale that names the reservation uses them."""
    row = await reservations.reserve(checkout, till, key, data)
    return answers.shown(ReservationOut, row.answer, id=key, state=row.state, expires_at=row.expires_at)


@delete("/reservations/{key:str}")
async def delete_reservation(till: TheTill, db: Db, key: Key) -> None:
    """Give the codes back; what was sold or has lapsed stays as it is."""
    await reservations.release(db, till, key)


@put(
    "/sales/{key:str}",
    opt=ASKS_ITSELF,
    responses=raises(
        CodesRefused,
        TotalChanged,
        ReceiptTaken,
        LineTwice,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
        TooManyRequests,
        Busy,
    ),
)
async def put_sale(till: TheTill, checkout: TheCheckout, key: Key, data: JSONBody[SaleIn]) -> SaleOut:
    """Sell under the till's own id: uses the codes, awards their agents, owes the shop, all or nothing.

    The same id with the same body gets the first answer again.
    """
    return answers.shown(SaleOut, await service.sell(checkout, till, key, data))


@post("/sales/batch", status_code=200, responses=raises(LineTwice, CashierNeeded, TokenInPages, TooManyRequests, Busy))
async def send_sales(till: TheTill, checkout: TheCheckout, data: JSONBody[OfflineSalesIn], now: Now) -> OfflineSalesOut:
    """Hand in sales that were made without a network, in any order; the whole may be sent again.

    What the buyer was given stands: docs/offline-tills.md says who bears what.
    """
    rows = await offline.settle(checkout, till, data.sales, now)
    return OfflineSalesOut([answers.settled(row) for row in rows])


@get("/sales/{key:str}", responses=raises(returns.SaleUnknown, TokenInPages))
async def get_sale(till: TheTill, db: Db, key: Key) -> SaleOut:
    """A sale of this shop, as it was answered first: a till that heard no answer may ask."""
    till.need_secret()
    return answers.shown(SaleOut, (await returns.sale(db, till, key)).answer)


@put("/sales/{key:str}/fiscal", status_code=204, responses=raises(returns.SaleUnknown, ReceiptTaken, TokenInPages))
async def put_fiscal(till: TheTill, db: Db, key: Key, data: JSONBody[Fiscal]) -> None:
    """Name the fiscal receipt of a sale, which confirms it. One receipt confirms one sale."""
    await returns.confirm(db, till, key, data)


@put(
    "/sales/{key:str}/returns/{return_key:str}",
    responses=raises(
        returns.SaleUnknown,
        returns.MoreThanSold,
        returns.NothingReturned,
        LineTwice,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
    ),
)
async def put_return(
    till: TheTill,
    db: Db,
    key: Key,
    return_key: Annotated[str, PathParameter(pattern=KEY, description="The till's own id of the return.")],
    data: JSONBody[ReturnIn],
) -> ReturnOut:
    """Take back any part of any line, at any till of the shop: never more than was sold.

    The buyer gets the lines' sum less the discount that belonged to it; the agent's bonus goes back in proportion.
    """
    answer: dict[str, Any] = await returns.take_back(db, till, key, return_key, data)
    return answers.shown(ReturnOut, answer)


@get("/offers", responses=raises(TokenInPages))
async def get_offers(
    request: Request[Any, Any, Any], till: TheTill, checkout: TheCheckout, now: Now
) -> Response[OffersOut]:
    """What a till needs to sell without a network: offers, codes and its bound, signed (JWS, RFC 7515, Ed25519)."""
    till.need_secret()
    return with_etag(request, await downloads.offers(checkout, till, now))


router = Router(
    "/",
    route_handlers=[
        make_quote,
        put_reservation,
        delete_reservation,
        put_sale,
        send_sales,
        get_offers,
        get_sale,
        put_fiscal,
        put_return,
    ],
    tags=["Checkout"],
)
