"""The console's page about campaigns and their rules."""

from typing import Any

from litestar import Request, Response, Router, get, post, put
from litestar.params import JSONBody

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import AfterKey, Key, Limit
from backend.database import Session
from backend.programmes import budgets, campaign_views, campaigns, previews, products, rule_writing, service
from backend.programmes.campaign_schemas import CampaignIn, CampaignOut, CampaignPage, PreviewIn, PreviewOut
from backend.wire import (
    ETAG_HEADER,
    CursorInvalid,
    IfMatch,
    Now,
    PreconditionFailed,
    cursor,
    expect,
    raises,
    tagged,
    with_etag,
    word,
)

RULE_REFUSALS = (
    *rule_writing.REFUSALS,
    campaigns.DatesInvalid,
    service.ProgrammeUnknown,
)


@get("/campaigns", opt=READERS, responses=raises(CursorInvalid))
async def list_campaigns(staff: Staff, session: Session, after: AfterKey = None, limit: Limit = 50) -> CampaignPage:
    """The brand's campaigns, each with its newest rule and what is left of its budget."""
    rows = await campaign_views.page(session, staff, word(after), limit + 1)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return CampaignPage(rows[:limit], following)


@get("/campaigns/{key:str}", opt=READERS, responses=raises(campaigns.CampaignUnknown), response_headers=[ETAG_HEADER])
async def get_campaign(
    request: Request[Any, Any, Any], staff: Staff, session: Session, key: Key
) -> Response[CampaignOut]:
    """One campaign with all versions of its rule."""
    found = await campaigns.get(session, staff, key)
    return with_etag(request, await campaign_views.whole(session, found))


@put(
    "/campaigns/{key:str}",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        *RULE_REFUSALS,
        campaigns.ProgrammeFixed,
        campaigns.StateUnreachable,
        campaigns.CampaignEnded,
        budgets.BudgetSpent,
        PreconditionFailed,
    ),
)
async def put_campaign(
    staff: Staff, session: Session, key: Key, data: JSONBody[CampaignIn], if_match: IfMatch = None
) -> Response[CampaignOut]:
    """Make a campaign under a key of one's own, or make it so: rule, dates, budget and state in one.

    Another name or rule makes a new version, which pays from now on; what was paid keeps the version it was paid by.
    """
    found = await campaigns.find(session, staff, key, lock=True)
    expect(if_match, found and await campaign_views.whole(session, found))
    made = await campaigns.put(session, staff, key, data)
    return tagged(await campaign_views.whole(session, made))


@post(
    "/campaigns/previews",
    opt=READERS,
    status_code=200,
    responses=raises(*RULE_REFUSALS, products.ProductUnknown),
)
async def preview_campaign(staff: Staff, session: Session, data: JSONBody[PreviewIn], now: Now) -> PreviewOut:
    """Try a rule on something that could happen; nothing is written."""
    return await previews.preview(session, staff, data, now)


router = Router("/", route_handlers=[list_campaigns, get_campaign, put_campaign, preview_campaign], tags=["Campaigns"])
