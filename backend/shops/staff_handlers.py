"""Staff endpoints of shops: those the brand manages, and those of other keepers that serve it."""

from functools import partial
from operator import attrgetter

from litestar import Response, Router, delete, get, put
from litestar.params import JSONBody

from backend.core.db.database import Session
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    IfMatch,
    PreconditionFailed,
    check_if_match,
    conditional_response,
    response_with_etag,
)
from backend.core.http.pagination import AfterKey, CursorInvalid, Key, Limit, read_page, text_from_cursor
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids
from backend.identity.brands.timezones import TimezoneInvalid, TimezoneUnknown
from backend.shops import service
from backend.shops.schemas import ShopIn, ShopOut, ShopPage


@get("/shops", opt=READERS, responses=error_responses(CursorInvalid))
async def list_shops(staff: CurrentMember, session: Session, after: AfterKey = None, limit: Limit = 50) -> ShopPage:
    """The shops that serve the brand, ended links included."""
    read = partial(service.list_shops, session, staff, text_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, attrgetter("link.key"))
    return ShopPage([ShopOut.of(*row) for row in rows], next_cursor)


@get("/shops/{key:str}", opt=READERS, responses=error_responses(service.ShopUnknown), response_headers=[ETAG_HEADER])
async def get_shop(request: HTTPRequest, staff: CurrentMember, session: Session, key: Key) -> Response[ShopOut]:
    """One shop."""
    return conditional_response(request, ShopOut.of(*await service.get_shop(session, staff, key)))


@put(
    "/shops/{key:str}",
    opt=EDITORS,
    responses=error_responses(
        RoleForbids,
        service.KeeperOnly,
        service.ShopNumberUnknown,
        service.ShopNameMissing,
        service.ShopFixed,
        service.ShopLinked,
        TimezoneUnknown,
        TimezoneInvalid,
        PreconditionFailed,
    ),
)
async def put_shop(
    staff: CurrentMember, session: Session, key: Key, data: JSONBody[ShopIn], if_match: IfMatch = None
) -> Response[ShopOut]:
    """Create or change a shop under a key of your choice. Omitted fields become empty.

    With `number`, request a link with a shop that another brand manages. Once its keeper accepts, its tills accept your
    codes. Only the keeper changes the shop.
    """
    linked = await service.find_shop(session, staff, key, lock=True)
    check_if_match(if_match, linked and ShopOut.of(*linked))
    return response_with_etag(ShopOut.of(*await service.put_shop(session, staff, key, data)))


@delete("/shops/{key:str}", opt=EDITORS, responses=error_responses(RoleForbids, service.ShopUnknown))
async def unlink_shop(staff: CurrentMember, session: Session, key: Key) -> None:
    """End the link with a shop: your codes stop working there, your debt stays.

    The keeper continues to manage its tills, which may serve other brands.
    """
    await service.leave_shop(session, staff, key)


router = Router("/", route_handlers=[list_shops, get_shop, put_shop, unlink_shop], tags=["Shops"])
