"""Routes of the caller's second factors, and of reauthentication."""

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.security.credentials import PasskeyChallengeOut, PasskeyIn
from backend.core.security.passkey_challenges import PasskeyInvalid, PasskeySiteInvalid
from backend.core.security.passwords import InjectedPasswords
from backend.identity.brands import reauthentication, sessions
from backend.identity.brands.authentication import (
    BEFORE_SETUP,
    READERS,
    AuthenticationExpired,
    CurrentMember,
    require_fresh_session,
)
from backend.identity.brands.schemas import (
    AuthenticationIn,
    AuthenticationOut,
    StaffPasskeyCreated,
    StaffPasskeyList,
    StaffPasskeyOut,
    StaffRecoveryCodesOut,
    TotpCreated,
    TotpIn,
)
from backend.identity.brands.second_factors import passkeys
from backend.identity.brands.second_factors import service as second_factors

OWN_ACCOUNT = READERS | BEFORE_SETUP
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@post("/staff/sessions/challenges", responses=error_responses(PasskeySiteInvalid, TooManyRequests))
async def create_staff_session_challenge(
    request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now
) -> PasskeyChallengeOut:
    """Create a challenge to sign in with a passkey only."""
    return await passkeys.start_authentication(db, settings, None, request.state.network, now)


@post(
    "/staff/sessions/current/challenges",
    opt=OWN_ACCOUNT,
    responses=error_responses(PasskeySiteInvalid, TooManyRequests),
)
async def create_authentication_challenge(
    request: HTTPRequest, db: Db, settings: CurrentSettings, staff: CurrentMember, now: Now
) -> PasskeyChallengeOut:
    """Create a challenge to authenticate again with a passkey."""
    return await passkeys.start_authentication(db, settings, staff, request.state.network, now)


@post(
    "/staff/sessions/current/authentications",
    opt=OWN_ACCOUNT,
    responses=error_responses(
        second_factors.SecondFactorInvalid,
        sessions.PasswordWrong,
        PasskeySiteInvalid,
        TooManyRequests,
        Busy,
    ),
)
async def create_authentication(
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    staff: CurrentMember,
    now: Now,
    data: JSONBody[AuthenticationIn],
) -> AuthenticationOut:
    """Authenticate again, for operations that move money or grant rights: with the second factor where there is one,
    else with the password."""
    return await reauthentication.reauthenticate(db, passwords, settings, staff, data, now)


@post("/staff/me/totp", opt=OWN_ACCOUNT, responses=error_responses(AuthenticationExpired, second_factors.TotpConflict))
async def create_totp(session: Session, settings: CurrentSettings, staff: CurrentMember) -> TotpCreated:
    """Create a secret for an authenticator application. Requires a recent authentication, as all changes here do."""
    require_fresh_session(staff)
    secret, uri = await second_factors.create_totp(session, settings, staff)
    return TotpCreated(secret, uri)


@put(
    "/staff/me/totp",
    opt=OWN_ACCOUNT,
    responses=error_responses(
        AuthenticationExpired, second_factors.TotpNotFound, second_factors.TotpConflict, second_factors.CodeInvalid
    ),
)
async def confirm_totp(
    session: Session, settings: CurrentSettings, staff: CurrentMember, now: Now, data: JSONBody[TotpIn]
) -> StaffRecoveryCodesOut:
    """Confirm the secret with its first code: from now on sign-in requires one. Other sessions end. With the first
    second factor come recovery codes."""
    require_fresh_session(staff)
    return StaffRecoveryCodesOut(await second_factors.confirm_totp(session, settings, staff, data.code, now))


@delete("/staff/me/totp", opt=OWN_ACCOUNT, responses=error_responses(AuthenticationExpired))
async def remove_totp(session: Session, staff: CurrentMember) -> None:
    """Remove the authenticator application."""
    require_fresh_session(staff)
    await second_factors.remove_totp(session, staff)


@post(
    "/staff/me/recovery-codes",
    opt=OWN_ACCOUNT,
    responses=error_responses(AuthenticationExpired, second_factors.SecondFactorNotFound),
)
async def create_staff_recovery_codes(
    session: Session, settings: CurrentSettings, staff: CurrentMember
) -> StaffRecoveryCodesOut:
    """Ten new recovery codes in place of the earlier ones."""
    require_fresh_session(staff)
    return StaffRecoveryCodesOut(await second_factors.replace_recovery_codes(session, settings, staff))


@post(
    "/staff/me/passkeys/challenges",
    opt=OWN_ACCOUNT,
    responses=error_responses(AuthenticationExpired, PasskeySiteInvalid, TooManyRequests),
)
async def create_staff_passkey_challenge(
    request: HTTPRequest, db: Db, session: Session, settings: CurrentSettings, staff: CurrentMember, now: Now
) -> PasskeyChallengeOut:
    """Create a challenge for the registration of a passkey."""
    require_fresh_session(staff)
    return await passkeys.start_registration(db, session, settings, staff, request.state.network, now)


@post(
    "/staff/me/passkeys",
    opt=OWN_ACCOUNT,
    responses=error_responses(
        AuthenticationExpired,
        PasskeyInvalid,
        passkeys.StaffPasskeyConflict,
        PasskeySiteInvalid,
    ),
)
async def create_staff_passkey(
    db: Db, session: Session, settings: CurrentSettings, staff: CurrentMember, now: Now, data: JSONBody[PasskeyIn]
) -> StaffPasskeyCreated:
    """Create a passkey from the response to its challenge: it signs in by itself. Other sessions end."""
    require_fresh_session(staff)
    row, codes = await passkeys.add_passkey(db, session, settings, staff, data, now)
    return StaffPasskeyCreated(row.id, row.created_at, codes)


@get("/staff/me/passkeys", opt=OWN_ACCOUNT)
async def list_staff_passkeys(session: Session, staff: CurrentMember) -> StaffPasskeyList:
    """The caller's passkeys."""
    return StaffPasskeyList(
        [StaffPasskeyOut(row.id, row.created_at) for row in await passkeys.list_passkeys(session, staff)]
    )


@delete(
    "/staff/me/passkeys/{passkey_id:int}",
    opt=OWN_ACCOUNT,
    responses=error_responses(AuthenticationExpired, passkeys.StaffPasskeyNotFound),
)
async def remove_staff_passkey(session: Session, staff: CurrentMember, passkey_id: Number) -> None:
    """Remove a passkey."""
    require_fresh_session(staff)
    await passkeys.remove_passkey(session, staff, passkey_id)


public_router = Router("/", route_handlers=[create_staff_session_challenge], tags=["Staff sign-in"], security=[{}])
router = Router(
    "/",
    route_handlers=[
        create_authentication_challenge,
        create_authentication,
        create_totp,
        confirm_totp,
        remove_totp,
        create_staff_recovery_codes,
        create_staff_passkey_challenge,
        create_staff_passkey,
        list_staff_passkeys,
        remove_staff_passkey,
    ],
    tags=["Staff sign-in"],
)
