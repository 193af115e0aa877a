"""Campaigns and their rules in the console."""

from functools import partial
from operator import attrgetter

from litestar import Response, Router, get, post, put
from litestar.params import JSONBody

from backend.core.db.database import Session
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    IfMatch,
    PreconditionFailed,
    check_if_match,
    conditional_response,
    response_with_etag,
)
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import AfterKey, CursorInvalid, Key, Limit, read_page, text_from_cursor
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.approvals import service as approvals
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.programmes import service
from backend.programmes.campaigns import budgets, previews, rule_input
from backend.programmes.campaigns import service as campaigns
from backend.programmes.campaigns import views as campaign_views
from backend.programmes.campaigns.schemas import (
    CampaignIn,
    CampaignOut,
    CampaignPage,
    CampaignPreviewIn,
    CampaignPreviewOut,
)
from backend.programmes.products import service as products

RULE_REFUSALS = (
    *rule_input.RULE_INPUT_ERRORS,
    campaigns.DatesInvalid,
    service.ProgrammeUnknown,
)


@get("/campaigns", opt=READERS, responses=error_responses(CursorInvalid))
async def list_campaigns(
    staff: CurrentMember, session: Session, after: AfterKey = None, limit: Limit = 50
) -> CampaignPage:
    """The brand's campaigns, each with its current rule and remaining budget."""
    read = partial(campaign_views.campaign_page, session, staff, text_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("key"))
    return CampaignPage(list(rows), following)


@get(
    "/campaigns/{key:str}",
    opt=READERS,
    responses=error_responses(campaigns.CampaignUnknown),
    response_headers=[ETAG_HEADER],
)
async def get_campaign(request: HTTPRequest, staff: CurrentMember, session: Session, key: Key) -> Response[CampaignOut]:
    """One campaign with all versions of its rule."""
    found = await campaigns.get_campaign(session, staff, key)
    return conditional_response(request, await campaign_views.campaign_with_versions(session, found))


@put(
    "/campaigns/{key:str}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        *RULE_REFUSALS,
        campaigns.ProgrammeFixed,
        campaigns.StateUnreachable,
        campaigns.CampaignEnded,
        budgets.BudgetSpent,
        approvals.ApprovalRequired,
        PreconditionFailed,
    ),
)
async def put_campaign(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: Key,
    data: JSONBody[CampaignIn],
    if_match: IfMatch = None,
) -> Response[CampaignOut]:
    """Create or change a campaign under a key of your choice: rule, dates, budget and state at once.

    Another name or rule makes a new version, which applies from now on; earlier awards keep their version.
    """
    found = await campaigns.find_campaign(session, staff, key, lock=True)
    check_if_match(if_match, found and await campaign_views.campaign_with_versions(session, found))
    await budgets.require_approval(session, settings, staff, budgets.BudgetChange(key, found, data.budget), now)
    campaign = await campaigns.put_campaign(session, staff, key, data)
    return response_with_etag(await campaign_views.campaign_with_versions(session, campaign))


@post(
    "/campaigns/previews",
    opt=READERS,
    status_code=200,
    responses=error_responses(*RULE_REFUSALS, products.ProductUnknown),
)
async def preview_campaign(
    staff: CurrentMember, session: Session, data: JSONBody[CampaignPreviewIn], now: Now
) -> CampaignPreviewOut:
    """Decide a rule on example facts; nothing is stored."""
    return await previews.preview_rule(session, staff, data, now)


router = Router("/", route_handlers=[list_campaigns, get_campaign, put_campaign, preview_campaign], tags=["Campaigns"])
