"""Staff endpoints for verification levels: requested and confirmed ones."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db.database import Session
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.spending.limits import identity
from backend.spending.limits.identity import AgentNotFound
from backend.spending.limits.schemas import AgentIdentity, IdentityConfirmationIn, IdentityPage, agent_identity

Card = Annotated[str, PathParameter(pattern=r"^[0-9]{1,32}(?!\n)$", description="The agent's card number.")]


@get("/identities", opt=READERS, responses=error_responses(CursorInvalid))
async def list_identities(
    staff: CurrentMember,
    session: Session,
    waiting: Annotated[
        bool, QueryParameter(description="Only agents who requested a higher level than they have.")
    ] = False,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> IdentityPage:
    """Agents of your programmes with a requested or confirmed level."""
    read = partial(identity.agent_page, session, staff, waiting=waiting, after=number_from_cursor(after) or 0)
    rows, following = await read_page(lambda most: read(most=most), limit, attrgetter("id"))
    return IdentityPage([agent_identity(row) for row in rows], following)


@get("/identities/{card_number:str}", opt=READERS, responses=error_responses(AgentNotFound))
async def get_agent_identity(staff: CurrentMember, session: Session, card_number: Card) -> AgentIdentity:
    """The level of one agent with your brand."""
    return agent_identity(await identity.agent_by_card(session, staff, card_number))


@put(
    "/identities/{card_number:str}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(RoleForbids, AuthenticationExpired, AgentNotFound),
)
async def put_agent_identity(
    staff: CurrentMember, session: Session, card_number: Card, data: JSONBody[IdentityConfirmationIn]
) -> AgentIdentity:
    """Set the level of an agent with your brand, up or down. How you verify it is up to you."""
    return agent_identity(await identity.confirm_level(session, staff, card_number, level=data.rung, note=data.note))


router = Router(
    "/", route_handlers=[list_identities, get_agent_identity, put_agent_identity], tags=["Verification and limits"]
)
