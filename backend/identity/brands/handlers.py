"""Routes of staff: sign-in, sign-out, the caller's own data and password."""

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy, TooManyRequests, Unauthenticated
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.passkey_challenges import PasskeySiteInvalid
from backend.core.security.passwords import InjectedPasswords
from backend.identity.brands import password_policy, service, sessions, sign_in
from backend.identity.brands.authentication import BEFORE_SETUP, READERS, CurrentMember
from backend.identity.brands.schemas import BrandOut, CurrentStaffOut, PasswordIn, StaffSessionIn, StaffSessionOut
from backend.identity.brands.second_factors import passkeys
from backend.identity.brands.second_factors import service as second_factors


@post(
    "/staff/sessions",
    responses=error_responses(
        sign_in.SignInUnknown,
        sign_in.SecondFactorRequired,
        sign_in.FirstPasswordExpired,
        second_factors.SecondFactorInvalid,
        PasskeySiteInvalid,
        TooManyRequests,
        Busy,
    ),
)
async def create_staff_session(
    request: HTTPRequest,
    data: JSONBody[StaffSessionIn],
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    now: Now,
) -> StaffSessionOut:
    """Sign in as staff with e-mail, password and the second factor where there is one, or with a passkey only. The wait
    grows with repeated failures; a device that sends its earlier token has a counter of its own."""
    return await sign_in.sign_in(db, passwords, settings, request.state.network, data, now)


@delete("/staff/sessions/current", opt=READERS | BEFORE_SETUP, responses=error_responses(Unauthenticated))
async def end_staff_session(staff: CurrentMember, session: Session) -> None:
    """Sign out: the token ends."""
    await sessions.sign_out(session, staff)


@get("/staff/me", opt=READERS | BEFORE_SETUP, responses=error_responses(Unauthenticated))
async def get_current_staff(staff: CurrentMember, session: Session) -> CurrentStaffOut:
    """Who is calling, in which role and for which brand."""
    brand = await service.get_brand(session, staff)
    row = await service.get_current_member(session, staff)
    return CurrentStaffOut(
        row.id,
        row.email,
        row.role,
        BrandOut.of(brand),
        has_totp=row.totp_confirmed_at is not None,
        passkeys=len(await passkeys.list_passkeys(session, staff)),
        recovery_codes=await second_factors.count_recovery_codes(session, staff.staff_id),
    )


@put(
    "/staff/me/password",
    opt=READERS | BEFORE_SETUP,
    status_code=204,
    responses=error_responses(
        Unauthenticated, sessions.PasswordWrong, password_policy.PasswordInvalid, TooManyRequests, Busy
    ),
)
async def change_staff_password(
    staff: CurrentMember,
    data: JSONBody[PasswordIn],
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    now: Now,
) -> None:
    """Change the caller's password. All other sessions of the caller end."""
    await sessions.change_password(db, passwords, settings, staff, data.old_password, data.password, now)


public_router = Router("/", route_handlers=[create_staff_session], tags=["Staff sign-in"], security=[{}])
router = Router(
    "/", route_handlers=[end_staff_session, get_current_staff, change_staff_password], tags=["Staff sign-in"]
)
