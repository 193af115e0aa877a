"""Authentication and authorization of staff, and the transaction that sees one brand.

A route of the console declares its roles: `@get("/products", opt=READERS)`. A route without roles is closed. A route
that moves money or grants rights also declares `opt=OWNERS | REAUTHENTICATES`, with `AuthenticationExpired` among its
`responses`. Where only some requests do (above a limit), its handler calls `require_recent_authentication(staff)`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, Unauthenticated
from backend.core.http.requests import HTTPConnection
from backend.core.security import tokens
from backend.core.settings import Settings
from backend.identity.brands.models import Role

BEARER_PREFIX = "st"

OWNERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner"})}
EDITORS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager"})}
REVIEWERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager", "reviewer"})}
READERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager", "reviewer", "analyst"})}
# Allowed before the member has changed a first password and set up a required second factor.
BEFORE_SETUP: dict[str, bool] = {"before_setup": True}
# The member must have authenticated within the last minutes (OWASP ASVS 5.0, 7.5.3).
REAUTHENTICATES: dict[str, bool] = {"reauthenticates": True}

FIND_SESSION = text("""
    SELECT m.id AS staff_id, m.brand_id, m.role, s.id AS session_id,
        m.second_factor_at IS NOT NULL AS has_second_factor, m.password_expires_at IS NOT NULL AS must_change_password,
        b.needs_second_factor AND m.role IN ('owner', 'manager') AS needs_second_factor,
        coalesce(s.authenticated_at, s.created_at) > now() - :recent AS is_recent,
        s.seen_at < now() - :seen_every AS due
    FROM staff_sessions s JOIN staff m ON m.id = s.staff_id JOIN brands b ON b.id = m.brand_id
    WHERE s.token_digest = :digest AND s.ended_at IS NULL AND s.expires_at > now() AND s.seen_at > now() - :idle
        AND m.disabled_at IS NULL
""")
RECORD_ACTIVITY = text("UPDATE staff_sessions SET seen_at = now() WHERE id = :session")
ACTIVITY_INTERVAL = timedelta(minutes=1)  # so that not every request writes
SET_BRAND = text("SELECT set_config('scanback.brand', :brand, true)")


class RoleForbids(Forbidden):
    """Your role does not allow this. An owner of your brand can do it, or give you another role."""

    code = "role_forbids"


class AuthenticationExpired(Forbidden):
    """Please confirm that it is you: with your second factor or, without one, with your password. Then send the request
    again."""

    code = "authentication_expired"


class PasswordExpired(Forbidden):
    """This password was set by another person. Choose your own first."""

    code = "password_expired"


class SecondFactorNeeded(Forbidden):
    """Your brand requires a second factor for owners and managers. Set up an authenticator application or a passkey
    first."""

    code = "second_factor_needed"


class Member(msgspec.Struct, frozen=True):
    """The caller: a member of a brand's staff. `is_recent`: the last authentication is minutes old."""

    brand_id: int
    staff_id: int
    role: Role
    session_id: int
    has_second_factor: bool = False
    is_recent: bool = True
    must_change_password: bool = False
    needs_second_factor: bool = False


CurrentMember = NamedDependency[Member]


async def guard(connection: HTTPConnection, handler: BaseRouteHandler) -> None:
    """Authenticate the member and check the role, before the request is read.

    Raises:
        Unauthenticated: the token is unknown. RoleForbids: the route is for other roles. PasswordExpired,
            SecondFactorNeeded: the member has to set that up first. AuthenticationExpired: see
            `require_recent_authentication`.
    """
    state = connection.app.state
    member = await authenticate(tokens.bearer(connection), state["db"], state["settings"])
    if member.role not in handler.opt["roles"]:
        raise RoleForbids
    if "before_setup" not in handler.opt:
        _require_setup(member)
    if "reauthenticates" in handler.opt:
        require_recent_authentication(member)
    connection.state.member = member


def _require_setup(member: Member) -> None:
    if member.must_change_password:
        raise PasswordExpired
    if member.needs_second_factor and not member.has_second_factor:
        raise SecondFactorNeeded


def require_recent_authentication(member: Member) -> None:
    """Protect operations that move money or grant rights from a stolen token of a member with a second factor. Members
    without one are not checked.

    Raises:
        AuthenticationExpired: the last authentication is too old.
    """
    if member.has_second_factor and not member.is_recent:
        raise AuthenticationExpired


def require_fresh_session(member: Member) -> None:
    """Protect changes of the member's own credentials, also without a second factor: a stolen token must not add one.

    Raises:
        AuthenticationExpired: the last authentication is too old.
    """
    if not member.is_recent:
        raise AuthenticationExpired


async def authenticate(token: str, db: Database, settings: Settings) -> Member:
    """The member of staff that a token belongs to.

    Raises:
        Unauthenticated: the token is unknown, has ended or was idle; the response does not distinguish these.
    """
    if not tokens.is_token(token, BEARER_PREFIX):
        raise Unauthenticated
    numbers, day = settings.numbers, datetime.now(UTC).date()
    rows = await db.rows(
        FIND_SESSION,
        digest=tokens.digest(token),
        seen_every=ACTIVITY_INTERVAL,
        idle=timedelta(minutes=numbers.at("staff_idle_minutes", day)),
        recent=timedelta(minutes=numbers.at("reauthentication_minutes", day)),
    )
    if not rows:
        raise Unauthenticated
    row = rows[0]
    if row.due:
        await db.rows(RECORD_ACTIVITY, session=row.session_id)
    return Member(
        row.brand_id,
        row.staff_id,
        row.role,
        row.session_id,
        row.has_second_factor,
        row.is_recent,
        must_change_password=row.must_change_password,
        needs_second_factor=row.needs_second_factor,
    )


@asynccontextmanager
async def brand_transaction(db: Database, member: Member) -> AsyncGenerator[AsyncSession, None]:
    """A transaction that sees one brand: row level security isolates brands even where a query has no condition."""
    async with db.begin() as session:
        await session.execute(SET_BRAND, {"brand": str(member.brand_id)})
        yield session
