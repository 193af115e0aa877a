"""Staff endpoints for rewards."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, get, put
from litestar.params import JSONBody, QueryParameter

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
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.programmes.service import ProgrammeUnknown
from backend.spending.rewards import service as rewards
from backend.spending.rewards.staff_schemas import RewardAdmin, RewardAdminPage, RewardIn


@get("/offers", opt=READERS, responses=error_responses(CursorInvalid))
async def list_brand_rewards(
    staff: CurrentMember,
    session: Session,
    archived: Annotated[bool, QueryParameter(description="Only archived offers.")] = False,
    after: AfterKey = None,
    limit: Limit = 50,
) -> RewardAdminPage:
    """The brand's offers."""
    read = partial(rewards.reward_page, session, staff, text_from_cursor(after), archived=archived)
    rows, following = await read_page(read, limit, attrgetter("key"))
    return RewardAdminPage([RewardAdmin.of(row) for row in rows], following)


@get(
    "/offers/{key:str}", opt=READERS, responses=error_responses(rewards.RewardNotFound), response_headers=[ETAG_HEADER]
)
async def get_brand_reward(
    request: HTTPRequest, staff: CurrentMember, session: Session, key: Key
) -> Response[RewardAdmin]:
    """One offer, archived or not."""
    return conditional_response(request, RewardAdmin.of(await rewards.get_reward(session, staff, key)))


@put(
    "/offers/{key:str}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        ProgrammeUnknown,
        rewards.FulfilmentInvalid,
        rewards.FaceValuesInvalid,
        rewards.DatesInvalid,
        rewards.SuppliersInvalid,
        rewards.SupplierNotConfigured,
        rewards.StockCountInvalid,
        rewards.PlacesInvalid,
        rewards.ServiceInvalid,
        rewards.RewardFieldsFixed,
        rewards.FaceValuesInStock,
        PreconditionFailed,
    ),
)
async def put_brand_reward(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: Key,
    data: JSONBody[RewardIn],
    if_match: IfMatch = None,
) -> Response[RewardAdmin]:
    """Create or change an offer under the brand's own key. Existing orders do not change.

    `stock` is the current number left: send If-Match, otherwise a concurrent order is overwritten.
    """
    found = await rewards.find_reward(session, staff, key, lock=True)
    check_if_match(if_match, found and RewardAdmin.of(found))
    return response_with_etag(RewardAdmin.of(await rewards.put_reward(session, settings, staff, key, data, now)))


router = Router(
    "/", route_handlers=[list_brand_rewards, get_brand_reward, put_brand_reward], tags=["Rewards and orders"]
)
