"""Staff signing in, and what everybody of the staff may ask about himself."""

from typing import Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import JSONBody

from backend.brands import service, sessions
from backend.brands.door import READERS, Staff
from backend.brands.schemas import BrandOut, Me, PasswordIn, SignInIn, SignInOut
from backend.database import Db, Session
from backend.errors import Busy, TooManyRequests, Unauthenticated
from backend.passwords import ThePasswords
from backend.wire import Now, TheSettings, raises


@post("/staff/sessions", responses=raises(sessions.SignInUnknown, TooManyRequests, Busy))
async def staff_sign_in(
    request: Request[Any, Any, Any],
    data: JSONBody[SignInIn],
    db: Db,
    passwords: ThePasswords,
    settings: TheSettings,
    now: Now,
) -> SignInOut:
    """Sign in as staff with e-mail and password. Repeated failures have to wait longer and longer."""
    return await sessions.sign_in(db, passwords, settings, request.state.network, data.email, data.password, now)


@delete("/staff/sessions/current", opt=READERS, responses=raises(Unauthenticated))
async def staff_sign_out(staff: Staff, session: Session) -> None:
    """Sign out: the token ends."""
    await sessions.sign_out(session, staff)


@get("/staff/me", opt=READERS, responses=raises(Unauthenticated))
async def staff_me(staff: Staff, session: Session) -> Me:
    """Who is calling, in which role and for which brand."""
    brand = await service.brand_of(session, staff)
    row = await service.caller(session, staff)
    return Me(row.id, row.email, row.role, BrandOut.of(brand))


@put(
    "/staff/me/password",
    opt=READERS,
    status_code=204,
    responses=raises(Unauthenticated, sessions.PasswordWrong, TooManyRequests, Busy),
)
async def change_staff_password(
    staff: Staff, data: JSONBody[PasswordIn], db: Db, passwords: ThePasswords, settings: TheSettings, now: Now
) -> None:
    """Change one's own password. All other sessions of the caller end."""
    await sessions.change_password(db, passwords, settings, staff, data.old_password, data.password, now)


strangers = Router("/", route_handlers=[staff_sign_in], tags=["Staff"], security=[{}])
router = Router("/", route_handlers=[staff_sign_out, staff_me, change_staff_password], tags=["Staff"])
