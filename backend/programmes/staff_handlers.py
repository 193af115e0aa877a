"""Programmes in the console."""

from functools import partial
from operator import attrgetter

from litestar import Response, Router, get, put
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
from backend.identity.brands.authentication import OWNERS, READERS, CurrentMember, RoleForbids
from backend.identity.brands.timezones import TimezoneInvalid, TimezoneUnknown
from backend.programmes import service
from backend.programmes.schemas import ProgrammeIn, ProgrammeOut, ProgrammePage


@get("/programmes", opt=READERS, responses=error_responses(CursorInvalid))
async def list_programmes(
    staff: CurrentMember, session: Session, after: AfterKey = None, limit: Limit = 50
) -> ProgrammePage:
    """The brand's programmes."""
    read = partial(service.list_programmes, session, staff, text_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("key"))
    return ProgrammePage([ProgrammeOut.of(row) for row in rows], following)


@get(
    "/programmes/{key:str}",
    opt=READERS,
    responses=error_responses(service.ProgrammeUnknown),
    response_headers=[ETAG_HEADER],
)
async def get_programme(
    request: HTTPRequest, staff: CurrentMember, session: Session, key: Key
) -> Response[ProgrammeOut]:
    """One programme."""
    return conditional_response(request, ProgrammeOut.of(await service.get_programme(session, staff, key)))


@put(
    "/programmes/{key:str}",
    opt=OWNERS,
    responses=error_responses(
        RoleForbids,
        service.ProgrammeNameConflict,
        service.CurrencyFixed,
        TimezoneUnknown,
        TimezoneInvalid,
        PreconditionFailed,
    ),
)
async def put_programme(
    staff: CurrentMember, session: Session, key: Key, data: JSONBody[ProgrammeIn], if_match: IfMatch = None
) -> Response[ProgrammeOut]:
    """Create a programme under a key of your choice, or change its name or time zone."""
    found = await service.find_programme(session, staff, key, lock=True)
    check_if_match(if_match, found and ProgrammeOut.of(found))
    return response_with_etag(ProgrammeOut.of(await service.put_programme(session, staff, key, data)))


router = Router("/", route_handlers=[list_programmes, get_programme, put_programme], tags=["Programmes"])
