"""The console's page about the identity ladder: who asked for which rung, and the brand's own word."""

from typing import Annotated

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import AfterNumber, Limit
from backend.database import Session
from backend.offers import identity
from backend.offers.identity import AgentUnknown
from backend.offers.identity_schemas import AgentIdentity, ConfirmIn, IdentityPage, agent_identity
from backend.wire import CursorInvalid, cursor, place, raises

Card = Annotated[str, PathParameter(pattern=r"^[0-9]{1,32}(?!\n)$", description="The agent's card number.")]


@get("/identities", opt=READERS, responses=raises(CursorInvalid))
async def list_identities(
    staff: Staff,
    session: Session,
    waiting: Annotated[bool, QueryParameter(description="Only those who asked for more than they have.")] = False,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> IdentityPage:
    """Agents of your programmes who asked for a rung, or were put on one."""
    rows = await identity.page(session, staff, waiting=waiting, after=place(after) or 0, most=limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return IdentityPage([agent_identity(row) for row in rows[:limit]], following)


@get("/identities/{card_number:str}", opt=READERS, responses=raises(AgentUnknown))
async def get_identity_of(staff: Staff, session: Session, card_number: Card) -> AgentIdentity:
    """Where one agent stands with your brand."""
    return agent_identity(await identity.get(session, staff, card_number))


@put("/identities/{card_number:str}", opt=EDITORS, responses=raises(RoleForbids, AgentUnknown))
async def put_identity_of(
    staff: Staff, session: Session, card_number: Card, data: JSONBody[ConfirmIn]
) -> AgentIdentity:
    """Put an agent on a rung with your brand, up or down. How you know who it is stays with you."""
    return agent_identity(await identity.confirm(session, staff, card_number, rung=data.rung, note=data.note))


router = Router("/", route_handlers=[list_identities, get_identity_of, put_identity_of], tags=["Identity and limits"])
