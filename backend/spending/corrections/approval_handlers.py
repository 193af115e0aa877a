"""The console's routes for approvals."""

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
from backend.identity.approvals import service
from backend.identity.approvals.schemas import ApprovalDecisionIn, ApprovalIn, ApprovalOut, ApprovalPage, State
from backend.identity.brands.authentication import (
    EDITORS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.spending.corrections import service as corrections

Shown = Annotated[State | None, QueryParameter(name="state", description="All without.")]


@get("/approvals", opt=EDITORS, responses=error_responses(RoleForbids, CursorInvalid), response_headers=[ETAG_HEADER])
async def list_approvals(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    shown: Shown = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> Response[ApprovalPage]:
    """Requests for approvals, newest first."""
    read = partial(service.list_approvals, session, staff, shown, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, ApprovalPage([ApprovalOut.of(row) for row in rows], following))


@get("/approvals/{key:uuid}", opt=EDITORS, responses=error_responses(RoleForbids, service.ApprovalUnknown))
async def get_approval(staff: CurrentMember, session: Session, key: FromPath[UUID]) -> ApprovalOut:
    """One request, and what became of it."""
    return ApprovalOut.of(await service.get_approval(session, staff, key))


@put("/approvals/{key:uuid}", opt=EDITORS, responses=error_responses(RoleForbids, BodyChanged))
async def put_approval(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: FromPath[UUID],
    data: JSONBody[ApprovalIn],
) -> ApprovalOut:
    """Request the approval of another owner or manager for an operation; then send the operation, within two weeks.

    Idempotent by its id. `amount` is a bound: what is done later may be less.
    """
    operation = service.ApprovalOperation(data.kind, data.subject, data.amount)
    await service.request_approval(session, settings, staff, key, operation, data.reason, now)
    return ApprovalOut.of(await service.get_approval(session, staff, key))


@put(
    "/approvals/{key:uuid}/decision",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        service.ApprovalUnknown,
        service.SelfApprovalForbidden,
        service.ApprovalDecided,
        corrections.CorrectionLimited,
        corrections.WalletBalanceTooLow,
        corrections.AccountClosed,
    ),
)
async def put_approval_decision(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: FromPath[UUID],
    data: JSONBody[ApprovalDecisionIn],
) -> ApprovalOut:
    """Approve or decline what another member asked for, once. A correction moves in the same transaction."""
    return ApprovalOut.of(await corrections.decide_approval(session, settings, staff, key, data, now))


router = Router(
    "/", route_handlers=[list_approvals, get_approval, put_approval, put_approval_decision], tags=["Approvals"]
)
