"""The agents' place on the identity ladder, and their limits of the year."""

from typing import Any

from litestar import Request, Response, Router, get, put
from litestar.params import JSONBody

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.offers import identity, tax
from backend.offers.identity import KindForRung, TaxNumberInvalid, TaxNumberNeeded
from backend.offers.identity_schemas import IdentityIn, IdentityOut, identity_out
from backend.offers.limit_schemas import LimitList, limit_out
from backend.wire import Now, TheSettings, raises, with_etag


@get("/me/identity", responses=raises())
async def get_identity(request: Request[Any, Any, Any], db: Db, agent: SignedIn) -> Response[IdentityOut]:
    """Where the caller stands on the identity ladder, brand by brand. ETag and 304."""
    return with_etag(request, identity_out(*await identity.mine(db, agent.account_id)))


@put("/me/identity", responses=raises(KindForRung, TaxNumberNeeded, TaxNumberInvalid))
async def put_identity(db: Db, settings: TheSettings, agent: SignedIn, data: JSONBody[IdentityIn]) -> IdentityOut:
    """Ask for a rung. It holds with a brand once that brand confirms it; we keep no name and no tax number."""
    await identity.ask(db, settings, agent, data.asked())
    return identity_out(*await identity.mine(db, agent.account_id))


@get("/me/limits", responses=raises())
async def get_limits(
    request: Request[Any, Any, Any], db: Db, settings: TheSettings, now: Now, agent: SignedIn
) -> Response[LimitList]:
    """What the caller has had this year by brand and tax nature, and the limits. None of it is advice. ETag and 304."""
    rows = await tax.limits(db, settings, agent.account_id, now)
    return with_etag(request, LimitList(tax.year(now), [limit_out(row) for row in rows]))


router = Router("/", route_handlers=[get_identity, put_identity, get_limits], tags=["Identity and limits"])
