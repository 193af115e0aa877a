"""The console's page about programmes."""

from typing import Any

from litestar import Request, Response, Router, get, put
from litestar.params import JSONBody

from backend.brands.door import OWNERS, READERS, RoleForbids, Staff
from backend.brands.timezones import TimezoneUnknown
from backend.console.paging import AfterKey, Key, Limit
from backend.database import Session
from backend.programmes import service
from backend.programmes.schemas import ProgrammeIn, ProgrammeOut, ProgrammePage
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


@get("/programmes", opt=READERS, responses=raises(CursorInvalid))
async def list_programmes(staff: Staff, session: Session, after: AfterKey = None, limit: Limit = 50) -> ProgrammePage:
    """The brand's programmes."""
    rows = await service.page(session, staff, word(after), limit + 1)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return ProgrammePage([ProgrammeOut.of(row) for row in rows[:limit]], following)


@get("/programmes/{key:str}", opt=READERS, responses=raises(service.ProgrammeUnknown), response_headers=[ETAG_HEADER])
async def get_programme(
    request: Request[Any, Any, Any], staff: Staff, session: Session, key: Key
) -> Response[ProgrammeOut]:
    """One programme."""
    return with_etag(request, ProgrammeOut.of(await service.get(session, staff, key)))


@put(
    "/programmes/{key:str}",
    opt=OWNERS,
    responses=raises(
        RoleForbids,
        service.ProgrammeNameTaken,
        service.CurrencyFixed,
        TimezoneUnknown,
        PreconditionFailed,
    ),
)
async def put_programme(
    staff: Staff, session: Session, key: Key, data: JSONBody[ProgrammeIn], if_match: IfMatch = None
) -> Response[ProgrammeOut]:
    """Make a programme under a key of one's own, or change its name or time zone."""
    found = await service.find(session, staff, key, lock=True)
    expect(if_match, found and ProgrammeOut.of(found))
    return tagged(ProgrammeOut.of(await service.put(session, staff, key, data)))


router = Router("/", route_handlers=[list_programmes, get_programme, put_programme], tags=["Programmes"])
