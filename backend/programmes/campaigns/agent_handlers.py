"""Campaigns that agents can earn from by scanning."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, get
from litestar.params import QueryParameter

from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.accounts.authentication import CurrentAgent
from backend.programmes.campaigns import earning_campaigns
from backend.programmes.campaigns.earning_campaigns import WAYS, EarningCampaignPage, EarningWay
from backend.programmes.rules.explanation import CurrentRuleVersions

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]


@get("/campaigns", responses=error_responses(CursorInvalid))
async def list_earning_campaigns(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,  # noqa: ARG001 - authenticates
    settings: CurrentSettings,
    versions: CurrentRuleVersions,
    now: Now,
    way: Annotated[EarningWay | None, QueryParameter(description="Campaigns that award for this.")] = None,
    programme_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, description="Of this programme.")] = None,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Response[EarningCampaignPage]:
    """Active campaigns for boxes, marked units or receipts, newest first, each with a plain sentence. Of several
    campaigns that match a scan, the one with the highest award is used. ETag and 304."""
    ways = [way] if way else WAYS
    read = partial(earning_campaigns.earning_campaign_rows, db, now, ways, programme_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    loaded = await versions.load(row.version_id for row in rows)
    products = await earning_campaigns.named_products(db, (loaded[row.version_id].rule for row in rows))
    low = settings.numbers.at("budget_low_percent", now.date())
    items = [earning_campaigns.earning_campaign(row, loaded, products, low) for row in rows]
    return conditional_response(request, EarningCampaignPage(items, following))


router = Router("/", route_handlers=[list_earning_campaigns], tags=["Campaigns"])
