"""Console routes about the brand and its staff."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, delete, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    IfMatch,
    PreconditionFailed,
    check_if_match,
    conditional_response,
    response_with_etag,
)
from backend.core.http.errors import Busy
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.passwords import InjectedPasswords
from backend.identity.approvals import service as approvals
from backend.identity.brands import service
from backend.identity.brands.authentication import (
    OWNERS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
    SecondFactorNeeded,
    brand_transaction,
)
from backend.identity.brands.password_policy import PasswordInvalid
from backend.identity.brands.schemas import EMAIL, BrandIn, BrandOut, StaffIn, StaffOut, StaffPage

EmailPath = Annotated[str, PathParameter(pattern=EMAIL, max_length=254)]


@get("/brand", opt=READERS, response_headers=[ETAG_HEADER])
async def get_brand(request: HTTPRequest, staff: CurrentMember, session: Session) -> Response[BrandOut]:
    """The brand that the caller works for."""
    return conditional_response(request, BrandOut.of(await service.get_brand(session, staff)))


@put(
    "/brand",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        SecondFactorNeeded,
        service.BrandNameConflict,
        approvals.ApprovalRequired,
        PreconditionFailed,
    ),
)
async def put_brand(
    staff: CurrentMember, session: Session, data: JSONBody[BrandIn], if_match: IfMatch = None
) -> Response[BrandOut]:
    """Rename the brand, or switch four eyes on; switching off needs an approval (`kind` four_eyes, `subject` off). Set
    whether owners and managers must have a second factor."""
    brand = await service.get_brand(session, staff, lock=True)
    check_if_match(if_match, BrandOut.of(brand))
    if data.needs_second_factor is not None:
        await service.require_second_factor(session, staff, brand, needed=data.needs_second_factor)
    await approvals.set_four_eyes(session, staff, brand, data.four_eyes)
    return response_with_etag(BrandOut.of(await service.rename_brand(session, staff, brand, data.name)))


@get("/staff", opt=OWNERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_staff(
    staff: CurrentMember,
    session: Session,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> StaffPage:
    """Members of the brand's staff, disabled ones included."""
    read = partial(service.list_members, session, staff, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return StaffPage([StaffOut.of(row) for row in rows], following)


@put(
    "/staff/{email:str}",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids, AuthenticationExpired, PasswordInvalid, service.EmailConflict, service.LastOwner, Busy
    ),
)
async def put_staff(
    staff: CurrentMember,
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    now: Now,
    email: EmailPath,
    data: JSONBody[StaffIn],
) -> StaffOut:
    """Create a member of staff, or change the role or password. The member's other sessions end with the change.
    A password set for another member can sign in for some days, and only to be changed."""
    end = service.first_password_end(settings, now)
    secret = await service.create_password(passwords, data.password, email, expires_at=end)
    async with brand_transaction(db, staff) as session:
        row, password = await service.put_member(session, staff, email, data.role, secret)
        return StaffOut.of(row, password)


@delete(
    "/staff/{email:str}",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(RoleForbids, AuthenticationExpired, service.StaffUnknown, service.LastOwner),
)
async def remove_staff(staff: CurrentMember, session: Session, email: EmailPath) -> None:
    """Disable a member of staff: all sessions end at once, and sign-in is refused."""
    await service.disable_member(session, staff, email)


@delete(
    "/staff/{email:str}/second-factors",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(RoleForbids, AuthenticationExpired, service.StaffUnknown),
)
async def reset_second_factors(staff: CurrentMember, session: Session, email: EmailPath) -> None:
    """Remove the second factors of a member who has lost them; the member's sessions end. First verify the identity of
    the member."""
    await service.reset_second_factors(session, staff, email)


router = Router(
    "/",
    route_handlers=[get_brand, put_brand, list_staff, put_staff, remove_staff, reset_second_factors],
    tags=["Brand and staff"],
)
