"""Staff endpoints of webhooks: targets, secrets, deliveries, replays and test events."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db import rate_limits
from backend.core.db.database import Database, Db, Session
from backend.core.http.errors import TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import (
    AfterKey,
    AfterNumber,
    CursorInvalid,
    Key,
    Limit,
    number_from_cursor,
    read_page,
    text_from_cursor,
)
from backend.core.http.problems import error_responses
from backend.core.settings import Settings
from backend.identity.brands.authentication import (
    EDITORS,
    OWNERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    Member,
    RoleForbids,
    brand_transaction,
)
from backend.notifications.webhooks import deliveries, service
from backend.notifications.webhooks.models import DeliveryState
from backend.notifications.webhooks.schemas import (
    WebhookDeliveryOut,
    WebhookDeliveryPage,
    WebhookIn,
    WebhookOut,
    WebhookPage,
    WebhookSecretIn,
    WebhookSecretOut,
)

DeliveryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
HOUR_SECONDS = 3600
SENDING_ERRORS = (RoleForbids, service.WebhookUnknown, deliveries.WebhookDisabled, TooManyRequests)


@get("/webhooks", opt=EDITORS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_webhooks(
    staff: CurrentMember, session: Session, after: AfterKey = None, limit: Limit = 50
) -> WebhookPage:
    """The brand's webhooks."""
    read = partial(service.list_webhooks, session, staff, text_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, attrgetter("key"))
    return WebhookPage([WebhookOut.of(row) for row in rows], next_cursor)


@get("/webhooks/{key:str}", opt=EDITORS, responses=error_responses(RoleForbids, service.WebhookUnknown))
async def get_webhook(staff: CurrentMember, session: Session, key: Key) -> WebhookOut:
    """One webhook, without its secret."""
    return WebhookOut.of(await service.get_webhook(session, staff, key))


@put(
    "/webhooks/{key:str}",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(RoleForbids, AuthenticationExpired, service.UrlForbidden, service.WebhooksTooMany),
)
async def put_webhook(
    staff: CurrentMember, session: Session, settings: CurrentSettings, now: Now, key: Key, data: JSONBody[WebhookIn]
) -> WebhookOut:
    """Create or change a webhook under a key of your choice. Only the response that creates it has the secret."""
    return WebhookOut.of(*await service.put_webhook(session, settings, staff, key, data, now))


@post(
    "/webhooks/{key:str}/secrets",
    opt=OWNERS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids, AuthenticationExpired, service.WebhookUnknown, service.SecretsTooMany, service.SecretUnreadable
    ),
)
async def replace_webhook_secret(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    now: Now,
    key: Key,
    data: JSONBody[WebhookSecretIn],
) -> WebhookSecretOut:
    """Create a new secret, shown only once. For a day both secrets sign messages, so that none is lost meanwhile."""
    return WebhookSecretOut(await service.replace_secret(session, settings, staff, key, data.old_hours, now))


@get(
    "/webhooks/{key:str}/deliveries",
    opt=EDITORS,
    responses=error_responses(RoleForbids, service.WebhookUnknown, CursorInvalid),
)
async def list_webhook_deliveries(
    staff: CurrentMember,
    session: Session,
    key: Key,
    in_state: Annotated[DeliveryState | None, QueryParameter(name="state")] = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> WebhookDeliveryPage:
    """Deliveries of a webhook in the last 30 days, newest first."""
    endpoint = await service.get_webhook(session, staff, key)
    read = partial(deliveries.list_deliveries, session, endpoint, in_state, number_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, lambda row: row[0].id)
    return WebhookDeliveryPage([WebhookDeliveryOut.of(*row) for row in rows], next_cursor)


@post(
    "/webhooks/{key:str}/deliveries/{delivery_id:int}/replays",
    opt=EDITORS,
    status_code=202,
    responses=error_responses(*SENDING_ERRORS, deliveries.DeliveryUnknown, deliveries.DeliveryUnderWay),
)
async def replay_webhook_delivery(
    staff: CurrentMember, db: Db, settings: CurrentSettings, now: Now, key: Key, delivery_id: DeliveryId
) -> WebhookDeliveryOut:
    """Send a delivery again under the same `webhook-id`."""
    await _check_rate_limit(db, settings, staff, now)
    async with brand_transaction(db, staff) as session:
        return WebhookDeliveryOut.of(*await deliveries.replay_delivery(session, staff, key, delivery_id, now))


@post("/webhooks/{key:str}/tests", opt=EDITORS, status_code=202, responses=error_responses(*SENDING_ERRORS))
async def test_webhook(
    staff: CurrentMember, db: Db, settings: CurrentSettings, now: Now, key: Key
) -> WebhookDeliveryOut:
    """Send a test event `webhook.test`."""
    await _check_rate_limit(db, settings, staff, now)
    async with brand_transaction(db, staff) as session:
        return WebhookDeliveryOut.of(*await deliveries.send_test_event(session, staff, key))


async def _check_rate_limit(db: Database, settings: Settings, staff: Member, now: Now) -> None:
    limit = settings.numbers.at("webhook_tests_per_hour", now.date())
    await rate_limits.count_request(db, f"webhook:{staff.brand_id}", seconds=HOUR_SECONDS, limit=limit)


router = Router(
    "/",
    route_handlers=[
        list_webhooks,
        get_webhook,
        put_webhook,
        replace_webhook_secret,
        list_webhook_deliveries,
        replay_webhook_delivery,
        test_webhook,
    ],
    tags=["Webhooks"],
)
