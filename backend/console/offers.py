"""The console's page about what agents may spend on."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get, put
from litestar.params import JSONBody, QueryParameter

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import AfterKey, Key, Limit
from backend.database import Session
from backend.offers import keeping
from backend.offers.keeping_schemas import OfferIn, OfferKept, OfferKeptPage
from backend.programmes.service import ProgrammeUnknown
from backend.wire import (
    ETAG_HEADER,
    CursorInvalid,
    IfMatch,
    Now,
    PreconditionFailed,
    TheSettings,
    cursor,
    expect,
    raises,
    tagged,
    with_etag,
    word,
)


@get("/offers", opt=READERS, responses=raises(CursorInvalid))
async def list_kept_offers(
    staff: Staff,
    session: Session,
    archived: Annotated[bool, QueryParameter(description="Those that were archived.")] = False,
    after: AfterKey = None,
    limit: Limit = 50,
) -> OfferKeptPage:
    """The brand's offers."""
    rows = await keeping.page(session, staff, word(after), limit + 1, archived=archived)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return OfferKeptPage([OfferKept.of(row) for row in rows[:limit]], following)


@get("/offers/{key:str}", opt=READERS, responses=raises(keeping.OfferNotKept), response_headers=[ETAG_HEADER])
async def get_kept_offer(
    request: Request[Any, Any, Any], staff: Staff, session: Session, key: Key
) -> Response[OfferKept]:
    """One offer, archived or not."""
    return with_etag(request, OfferKept.of(await keeping.get(session, staff, key)))


@put(
    "/offers/{key:str}",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        ProgrammeUnknown,
        keeping.FulfilmentUnfit,
        keeping.NominalsUnfit,
        keeping.DatesUnfit,
        keeping.SuppliersUnfit,
        keeping.SupplierNotKnown,
        keeping.UnitsUnfit,
        keeping.PlacesUnfit,
        keeping.ServiceUnfit,
        keeping.OfferFixed,
        keeping.NominalsInStock,
        PreconditionFailed,
    ),
)
async def put_kept_offer(
    staff: Staff,
    session: Session,
    settings: TheSettings,
    now: Now,
    key: Key,
    data: JSONBody[OfferIn],
    if_match: IfMatch = None,
) -> Response[OfferKept]:
    """Make an offer under a key of one's own, or make it so. What was ordered before stays as it was.

    `stock` is what is left of it now: send If-Match, or a sale meanwhile is written over.
    """
    found = await keeping.find(session, staff, key, lock=True)
    expect(if_match, found and OfferKept.of(found))
    return tagged(OfferKept.of(await keeping.put(session, settings, staff, key, data, now)))


router = Router("/", route_handlers=[list_kept_offers, get_kept_offer, put_kept_offer], tags=["Spending"])
