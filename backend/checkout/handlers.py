"""Endpoints of tills: quotes, reservations, sales, returns."""

from typing import Annotated, Any

from litestar import Response, Router, delete, get, post, put
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from backend.checkout.sales import offline, offline_downloads, quote_request, reservations, responses, returns, service
from backend.checkout.sales.offline_downloads import OfflineOffersOut
from backend.checkout.sales.quote_request import CodesRefused, CurrentCheckout, LineTwice
from backend.checkout.sales.service import ReceiptConflict, TotalChanged
from backend.checkout.schemas import (
    FiscalReceiptIn,
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
from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.errors import BodyChanged, Busy, TooManyRequests
from backend.core.http.models import KEY, CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.tokens import CHECKS_CALLER_ITSELF
from backend.shops.authentication import CashierNeeded, CurrentTill, TokenInPages

Key = Annotated[str, PathParameter(pattern=KEY, description="The till's own id.")]
SoldAt = Annotated[
    str | None,
    QueryParameter(
        name="till",
        pattern=KEY,
        description="The key of the till that sold, if several have this id.",
        examples=[Example(value="till-1")],
    ),
]
Release = Annotated[
    str,
    HeaderParameter(
        name="Scanback-Release", max_length=64, description="The `release` of the response to the page's reservation."
    ),
]


def visitor_network(request: HTTPRequest) -> str:
    """The caller's network."""
    network: str = request.scope["state"]["network"]
    return network


@post("/quotes", status_code=200, opt=CHECKS_CALLER_ITSELF, responses=error_responses(LineTwice, TooManyRequests))
async def create_till_quote(
    request: HTTPRequest, till: CurrentTill, checkout: CurrentCheckout, data: JSONBody[QuoteIn]
) -> QuoteOut:
    """The price of a basket with its codes, and a reason for each code. Nothing is stored.

    After too many unknown codes, baskets with unknown codes are refused for some time; baskets with valid codes are
    not. Where pages call, each visitor's network is counted separately.
    """
    quote = await service.create_quote(
        checkout, quote_request.build_request(checkout, till, data, visitor=visitor_network(request))
    )
    return responses.response_with_texts(QuoteOut, quote.response())


@put(
    "/reservations/{key:str}",
    opt=CHECKS_CALLER_ITSELF,
    responses=error_responses(
        CodesRefused,
        reservations.ReservationsTooMany,
        reservations.ReservationIdInvalid,
        LineTwice,
        BodyChanged,
        TooManyRequests,
        Busy,
    ),
)
async def put_reservation(
    request: HTTPRequest,
    till: CurrentTill,
    checkout: CurrentCheckout,
    key: Key,
    data: JSONBody[ReservationIn],
) -> ReservationOut:
    """Reserve the codes of a basket until a time; a sale that names the reservation uses them.

    From a web shop's pages the id is a random UUID (version 4 or 7), and the response has a `release`.
    """
    row = await reservations.reserve_codes(checkout, till, key, data, visitor_network(request))
    more = {"id": key, "state": row.state, "expires_at": row.expires_at, "release": row.release}
    return responses.response_with_texts(ReservationOut, row.answer, **more)


@delete("/reservations/{key:str}", responses=error_responses(reservations.ReleaseForbidden))
async def delete_reservation(
    till: CurrentTill, db: Db, settings: CurrentSettings, key: Key, secret: Release = ""
) -> None:
    """Release the codes; what was sold or has lapsed stays. A page sends the `release` of its reservation."""
    await reservations.release_reservation(db, settings, till, key, secret)


@put(
    "/sales/{key:str}",
    opt=CHECKS_CALLER_ITSELF,
    responses=error_responses(
        CodesRefused,
        TotalChanged,
        ReceiptConflict,
        LineTwice,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
        TooManyRequests,
        Busy,
    ),
)
async def put_sale(till: CurrentTill, checkout: CurrentCheckout, key: Key, data: JSONBody[SaleIn]) -> SaleOut:
    """Sell under the till's own id: uses the codes, awards their agents, owes the shop, all or nothing.

    The same id with the same body gets the first response again.
    """
    return responses.response_with_texts(SaleOut, await service.sell(checkout, till, key, data))


@post(
    "/sales/batch",
    status_code=200,
    responses=error_responses(LineTwice, CashierNeeded, TokenInPages, TooManyRequests, Busy),
)
async def submit_sale_batch(
    till: CurrentTill, checkout: CurrentCheckout, data: JSONBody[OfflineSalesIn], now: Now
) -> OfflineSalesOut:
    """Send sales that were made without a network, in any order. Idempotent by the sales' ids.

    The buyer's discount is final: docs/offline-tills.md explains who bears what.
    """
    rows = await offline.settle_sales(checkout, till, data.sales, now)
    return OfflineSalesOut([responses.offline_sale_response(row) for row in rows])


@get("/sales/{key:str}", responses=error_responses(returns.SaleUnknown, returns.SaleAmbiguous, TokenInPages))
async def get_sale(till: CurrentTill, db: Db, key: Key, named: SoldAt = None) -> SaleOut:
    """A sale of this shop with its first response, for a till that received none. This till's own sale precedes others'
    of the same id."""
    till.require_secret_token()
    return responses.response_with_texts(SaleOut, (await returns.find_sale(db, till, key, named)).answer)


@put(
    "/sales/{key:str}/fiscal",
    status_code=204,
    responses=error_responses(returns.SaleUnknown, returns.SaleAmbiguous, ReceiptConflict, TokenInPages),
)
async def put_fiscal_receipt(
    till: CurrentTill, db: Db, key: Key, data: JSONBody[FiscalReceiptIn], named: SoldAt = None
) -> None:
    """Store the fiscal receipt of a sale, which confirms it. One receipt confirms one sale. This till's own sale
    precedes others' of the same id."""
    await returns.confirm_sale(db, till, key, data, named)


@put(
    "/sales/{key:str}/returns/{return_key:str}",
    responses=error_responses(
        returns.SaleUnknown,
        returns.SaleAmbiguous,
        returns.MoreThanSold,
        returns.NothingReturned,
        returns.QuantityInvalid,
        LineTwice,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
    ),
)
async def put_sale_return(
    till: CurrentTill,
    db: Db,
    key: Key,
    return_key: Annotated[str, PathParameter(pattern=KEY, description="The till's own id of the return.")],
    data: JSONBody[ReturnIn],
) -> ReturnOut:
    """Return any part of any line, at any till of the shop, up to what was sold.

    Ids are the tills' own: if several tills have a sale with this id, `till` in the body names the one that sold.
    The buyer gets the lines' sum less its discount; the agent's bonus is clawed back in proportion.
    """
    response: dict[str, Any] = await returns.return_lines(db, till, key, return_key, data)
    return responses.response_with_texts(ReturnOut, response)


@get("/offers", responses=error_responses(TokenInPages))
async def get_offline_offers(
    request: HTTPRequest, till: CurrentTill, checkout: CurrentCheckout, now: Now
) -> Response[OfflineOffersOut]:
    """What a till needs to sell without a network: offers, codes and its loss limit, signed (JWS, RFC 7515,
    Ed25519)."""
    till.require_secret_token()
    return conditional_response(request, await offline_downloads.signed_offers(checkout, till, now))


router = Router(
    "/",
    route_handlers=[
        create_till_quote,
        put_reservation,
        delete_reservation,
        put_sale,
        submit_sale_batch,
        get_offline_offers,
        get_sale,
        put_fiscal_receipt,
        put_sale_return,
    ],
    tags=["Checkout"],
)
