"""The console's page about shops: the brand's own, and those of others that serve it."""

from typing import Any

from litestar import Request, Response, Router, delete, get, put
from litestar.params import JSONBody

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.brands.timezones import TimezoneUnknown
from backend.console.paging import AfterKey, Key, Limit
from backend.database import Session
from backend.shops import service
from backend.shops.schemas import ShopIn, ShopOut, ShopPage
from backend.wire import (
    ETAG_HEADER,
    CursorInvalid,
    IfMatch,
    PreconditionFailed,
    cursor,
    expect,
    raises,
    tagged,
    with_etag,
    word,
)


@get("/shops", opt=READERS, responses=raises(CursorInvalid))
async def list_shops(staff: Staff, session: Session, after: AfterKey = None, limit: Limit = 50) -> ShopPage:
    """The shops that serve the brand, those included that it left."""
    rows = await service.page(session, staff, word(after), limit + 1)
    following = cursor(rows[limit - 1].link.key) if len(rows) > limit else None
    return ShopPage([ShopOut.of(*row) for row in rows[:limit]], following)


@get("/shops/{key:str}", opt=READERS, responses=raises(service.ShopUnknown), response_headers=[ETAG_HEADER])
async def get_shop(request: Request[Any, Any, Any], staff: Staff, session: Session, key: Key) -> Response[ShopOut]:
    """One shop."""
    return with_etag(request, ShopOut.of(*await service.get(session, staff, key)))


@put(
    "/shops/{key:str}",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        service.KeeperOnly,
        service.ShopNumberUnknown,
        service.ShopNameMissing,
        service.ShopFixed,
        service.ShopLinked,
        TimezoneUnknown,
        PreconditionFailed,
    ),
)
async def put_shop(
    staff: Staff, session: Session, key: Key, data: JSONBody[ShopIn], if_match: IfMatch = None
) -> Response[ShopOut]:
    """Make a shop under a key of one's own, or make it so; what is left out is empty afterwards.

    With `number` it stands for a shop that another brand keeps: its tills take your codes, and only its keeper
    changes it.
    """
    found = await service.find(session, staff, key, lock=True)
    expect(if_match, found and ShopOut.of(*found))
    return tagged(ShopOut.of(*await service.put(session, staff, key, data)))


@delete("/shops/{key:str}", opt=EDITORS, responses=raises(RoleForbids, service.ShopUnknown))
async def leave_shop(staff: Staff, session: Session, key: Key) -> None:
    """Let a shop serve the brand no more: your codes stop working there, and what you owe it stays owed.

    The keeper goes on running its tills, which may serve other brands.
    """
    await service.leave(session, staff, key)


router = Router("/", route_handlers=[list_shops, get_shop, put_shop, leave_shop], tags=["Shops"])
