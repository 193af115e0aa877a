"""Verification levels and yearly limits of agents."""

from litestar import Response, Router, get, put
from litestar.params import JSONBody

from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.accounts.authentication import CurrentAgent
from backend.spending.accounting import tax
from backend.spending.limits import identity
from backend.spending.limits.identity import LevelKindInvalid, TaxNumberInvalid, TaxNumberRequired
from backend.spending.limits.limit_schemas import YearlyLimitList, limit_out
from backend.spending.limits.schemas import IdentityIn, IdentityOut, identity_out


@get("/me/identity", responses=error_responses())
async def get_identity(request: HTTPRequest, db: Db, agent: CurrentAgent) -> Response[IdentityOut]:
    """The verification levels of the caller by brand. ETag and 304."""
    return conditional_response(request, identity_out(*await identity.account_levels(db, agent.account_id)))


@put("/me/identity", responses=error_responses(LevelKindInvalid, TaxNumberRequired, TaxNumberInvalid))
async def put_identity(
    db: Db, settings: CurrentSettings, agent: CurrentAgent, data: JSONBody[IdentityIn]
) -> IdentityOut:
    """Request a level. It takes effect with a brand when the brand confirms it; no name or tax number is stored."""
    await identity.request_level(db, settings, agent, data.level_request())
    return identity_out(*await identity.account_levels(db, agent.account_id))


@get("/me/limits", responses=error_responses())
async def get_yearly_limits(
    request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, agent: CurrentAgent
) -> Response[YearlyLimitList]:
    """The sums of the caller this year by brand and tax nature, and the limits. Not advice. ETag and 304."""
    rows = await tax.account_limits(db, settings, agent.account_id, now)
    return conditional_response(request, YearlyLimitList(tax.tax_year(now), [limit_out(row) for row in rows]))


router = Router("/", route_handlers=[get_identity, put_identity, get_yearly_limits], tags=["Verification and limits"])
