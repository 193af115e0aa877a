"""The staff's door: who is calling, whether his role may, and the one brand that his transaction sees.

A route of the console says whom it is open to: `@get("/products", opt=READERS)`. A route that does not say lets
nobody in.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import tokens
from backend.brands.models import Role
from backend.database import Database
from backend.errors import Forbidden, Unauthenticated

PREFIX = "st"

OWNERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner"})}
EDITORS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager"})}
REVIEWERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager", "reviewer"})}
READERS: dict[str, frozenset[Role]] = {"roles": frozenset({"owner", "manager", "reviewer", "analyst"})}

FIND = text("""
    SELECT m.id AS staff_id, m.brand_id, m.role, s.id AS session_id
    FROM staff_sessions s JOIN staff m ON m.id = s.staff_id
    WHERE s.token_digest = :digest AND s.ended_at IS NULL AND s.expires_at > now() AND m.disabled_at IS NULL
""")
ONE_BRAND = text("SELECT set_config('scanback.brand', :brand, true)")


class RoleForbids(Forbidden):
    """Your role does not allow this. An owner of your brand can do it, or give you another role."""


class Member(msgspec.Struct, frozen=True):
    """Who calls: somebody of one brand, in a role."""

    brand_id: int
    staff_id: int
    role: Role
    session_id: int


Staff = NamedDependency[Member]


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in staff to whose role the route is open; asked before anything of the request is read.

    Raises:
        Unauthenticated: nobody of ours. RoleForbids: the route is open to other roles.
    """
    member = await signed_in(tokens.bearer(connection), connection.app.state["db"])
    if member.role not in handler.opt["roles"]:
        raise RoleForbids
    connection.state.member = member


async def signed_in(token: str, db: Database) -> Member:
    """The member of staff that a token belongs to.

    Raises:
        Unauthenticated: no such token, or it has ended; the answer is the same for all.
    """
    if not tokens.is_token(token, PREFIX):
        raise Unauthenticated
    rows = await db.rows(FIND, digest=tokens.digest(token))
    if not rows:
        raise Unauthenticated
    return Member(rows[0].brand_id, rows[0].staff_id, rows[0].role, rows[0].session_id)


@asynccontextmanager
async def transaction(db: Database, member: Member) -> AsyncGenerator[AsyncSession, None]:
    """A transaction that sees one brand: row level security holds even where a query forgets its brand."""
    async with db.begin() as session:
        await session.execute(ONE_BRAND, {"brand": str(member.brand_id)})
        yield session
