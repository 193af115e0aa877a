"""Staff endpoints for corrections."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.core.db.database import Session
from backend.core.http.conditional_requests import ETAG_HEADER, conditional_response
from backend.core.http.errors import BodyChanged
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.programmes.service import ProgrammeUnknown
from backend.spending.corrections import service
from backend.spending.corrections.schemas import CorrectionIn, CorrectionOut, CorrectionPage

Card = Annotated[
    str | None, QueryParameter(name="card_number", pattern=r"^[0-9]{1,32}(?!\n)$", description="Of one agent.")
]


@get("/corrections", opt=READERS, responses=error_responses(CursorInvalid), response_headers=[ETAG_HEADER])
async def list_corrections(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    card: Card = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[CorrectionPage]:
    """Corrections of agents' wallets by staff, and pending ones; newest first."""
    read = partial(service.correction_page, session, staff, card, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, CorrectionPage([CorrectionOut.of(row) for row in rows], following))


@get("/corrections/{key:uuid}", opt=READERS, responses=error_responses(service.CorrectionNotFound))
async def get_correction(staff: CurrentMember, session: Session, key: FromPath[UUID]) -> CorrectionOut:
    """One correction, and whether it has moved."""
    return CorrectionOut.of(await service.correction_by_key(session, staff, key))


@put(
    "/corrections/{key:uuid}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        ProgrammeUnknown,
        service.CardNotFound,
        service.CorrectionInvalid,
        service.CorrectionLimited,
        BodyChanged,
    ),
)
async def put_correction(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: FromPath[UUID],
    data: JSONBody[CorrectionIn],
) -> CorrectionOut:
    """Request a correction of an agent's wallet. It moves when another owner or manager approves it, at
    `/v1/console/approvals/{id}/decision` under the same id; the agent sees it with its reason.

    Idempotent by its id. A negative amount cannot exceed the available balance: a correction leaves no debt.
    """
    return CorrectionOut.of(await service.request_correction(session, settings, staff, key, data, now))


router = Router("/", route_handlers=[list_corrections, get_correction, put_correction], tags=["Corrections"])
