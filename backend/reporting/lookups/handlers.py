"""Console routes that look up a code, a receipt or an agent, to answer complaints."""

from functools import partial
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db.database import Session
from backend.core.http.conditional_requests import ETAG_HEADER, conditional_response
from backend.core.http.models import CurrentSettings
from backend.core.http.pagination import CursorInvalid, Limit, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, RoleForbids
from backend.programmes.rules.explanation import CurrentRuleVersions
from backend.reporting.lookups import agents, codes, receipts
from backend.reporting.lookups import timeline_entries as entries
from backend.reporting.lookups.agent_schemas import AgentOut, AgentWalletOut, TimelinePage
from backend.reporting.lookups.code_schemas import CodeLookupIn, CodeLookupOut
from backend.reporting.lookups.receipt_schemas import BrandReceipt, ReceiptLookupIn, ReceiptLookupOut

CardPath = Annotated[str, PathParameter(pattern=r"^[0-9]{1,32}(?!\n)$", description="The agent's card number.")]
AfterEntry = Annotated[str | None, QueryParameter(name="cursor", max_length=400)]


@post("/code-lookups", opt=REVIEWERS, status_code=200, responses=error_responses(RoleForbids, codes.CodeNotFound))
async def find_code(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    versions: CurrentRuleVersions,
    data: JSONBody[CodeLookupIn],
) -> CodeLookupOut:
    """Look up a code as typed or scanned: its batch and position, its claim with the reason, and later attempts.

    Package codes, codes of lists, marking codes and promo codes. A POST, so that the code is in no log of addresses.
    """
    return await codes.find_code(session, settings, versions, staff, data.text)


@post(
    "/receipt-lookups",
    opt=REVIEWERS,
    status_code=200,
    responses=error_responses(RoleForbids, receipts.ReceiptNotFound, receipts.ReceiptLookupInvalid),
)
async def find_receipt(staff: CurrentMember, session: Session, data: JSONBody[ReceiptLookupIn]) -> ReceiptLookupOut:
    """Look up a receipt by its text or its printed numbers: the sender, and the states of your lines."""
    return ReceiptLookupOut([BrandReceipt.of(row) for row in await receipts.find_receipts(session, staff, data)])


@get("/receipts/{receipt:int}", opt=REVIEWERS, responses=error_responses(RoleForbids, receipts.ReceiptNotFound))
async def get_brand_receipt(
    staff: CurrentMember, session: Session, receipt: Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
) -> BrandReceipt:
    """One receipt by the number that webhooks and files give it."""
    return BrandReceipt.of(await receipts.get_receipt(session, staff, receipt))


@get("/agents/{card_number:str}", opt=REVIEWERS, responses=error_responses(RoleForbids, agents.AgentNotFound))
async def get_agent(staff: CurrentMember, session: Session, card_number: CardPath) -> AgentOut:
    """An agent's card: wallets in your programmes, and reviews of your brand."""
    row = await agents.get_agent(session, staff, card_number)
    wallets = msgspec.convert(row.wallets, list[AgentWalletOut])
    return AgentOut(row.card_number, row.since, row.frozen, row.rung, wallets)


@get(
    "/agents/{card_number:str}/timeline",
    opt=REVIEWERS,
    responses=error_responses(RoleForbids, agents.AgentNotFound, CursorInvalid),
    response_headers=[ETAG_HEADER],
)
async def get_agent_timeline(
    request: HTTPRequest,
    staff: CurrentMember,
    session: Session,
    versions: CurrentRuleVersions,
    card_number: CardPath,
    after: AfterEntry = None,
    limit: Limit = 50,
) -> Response[TimelinePage]:
    """What happened between an agent and your brand, newest first, each with its why: claims, refused scans,
    redemptions, receipts, orders, corrections, and what expired or was taken back."""
    row = await agents.get_agent(session, staff, card_number)
    read = partial(agents.get_timeline, session, staff, row.id, agents.decode_timeline_cursor(after))
    rows, following = await read_page(read, limit, agents.timeline_position)
    return conditional_response(request, TimelinePage(await entries.build_entries(rows, versions), following))


router = Router(
    "/",
    route_handlers=[find_code, find_receipt, get_brand_receipt, get_agent, get_agent_timeline],
    tags=["Support look-ups"],
)
