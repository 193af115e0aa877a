"""The console's page about webhooks: where events go, what was delivered, and sending by hand."""

from typing import Annotated

from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend import limits
from backend.brands.door import EDITORS, OWNERS, Member, RoleForbids, Staff, transaction
from backend.console.paging import AfterKey, AfterNumber, Key, Limit
from backend.database import Database, Db, Session
from backend.errors import TooManyRequests
from backend.settings import Settings
from backend.webhooks import deliveries, service
from backend.webhooks.models import State
from backend.webhooks.schemas import (
    DeliveryOut,
    DeliveryPage,
    SecretIn,
    SecretOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
)
from backend.wire import CursorInvalid, Now, TheSettings, cursor, place, raises, word

DeliveryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
HOUR_SECONDS = 3600
BY_HAND = (RoleForbids, service.WebhookUnknown, deliveries.WebhookDisabled, TooManyRequests)


@get("/webhooks", opt=EDITORS, responses=raises(RoleForbids, CursorInvalid))
async def list_webhooks(staff: Staff, session: Session, after: AfterKey = None, limit: Limit = 50) -> WebhookPage:
    """The brand's webhooks."""
    rows = await service.page(session, staff, word(after), limit + 1)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return WebhookPage([WebhookOut.of(row) for row in rows[:limit]], following)


@get("/webhooks/{key:str}", opt=EDITORS, responses=raises(RoleForbids, service.WebhookUnknown))
async def get_webhook(staff: Staff, session: Session, key: Key) -> WebhookOut:
    """One webhook, without its secret."""
    return WebhookOut.of(await service.get(session, staff, key))


@put(
    "/webhooks/{key:str}",
    opt=OWNERS,
    responses=raises(RoleForbids, service.UrlForbidden, service.WebhooksTooMany),
)
async def put_webhook(
    staff: Staff, session: Session, settings: TheSettings, now: Now, key: Key, data: JSONBody[WebhookIn]
) -> WebhookOut:
    """Make a webhook under a key of one's own, or change it. Only the answer that makes it shows the secret."""
    return WebhookOut.of(*await service.put(session, settings, staff, key, data, now))


@post(
    "/webhooks/{key:str}/secrets",
    opt=OWNERS,
    responses=raises(RoleForbids, service.WebhookUnknown, service.SecretsTooMany, service.SecretUnreadable),
)
async def replace_webhook_secret(
    staff: Staff, session: Session, settings: TheSettings, now: Now, key: Key, data: JSONBody[SecretIn]
) -> SecretOut:
    """Get a new secret, shown this once. For a day messages are signed with both, so that nothing is lost meanwhile."""
    return SecretOut(await service.replace_secret(session, settings, staff, key, data.old_hours, now))


@get(
    "/webhooks/{key:str}/deliveries",
    opt=EDITORS,
    responses=raises(RoleForbids, service.WebhookUnknown, CursorInvalid),
)
async def list_deliveries(
    staff: Staff,
    session: Session,
    key: Key,
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
    after: AfterNumber = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """What was sent to a webhook in the last 30 days and what became of it, newest first."""
    endpoint = await service.get(session, staff, key)
    rows = await deliveries.page(session, endpoint, in_state, place(after), limit + 1)
    following = cursor(rows[limit - 1][0].id) if len(rows) > limit else None
    return DeliveryPage([DeliveryOut.of(*row) for row in rows[:limit]], following)


@post(
    "/webhooks/{key:str}/deliveries/{delivery_id:int}/replays",
    opt=EDITORS,
    status_code=202,
    responses=raises(*BY_HAND, deliveries.DeliveryUnknown, deliveries.DeliveryUnderWay),
)
async def replay_delivery(
    staff: Staff, db: Db, settings: TheSettings, now: Now, key: Key, delivery_id: DeliveryId
) -> DeliveryOut:
    """Send a delivery once more, under the same `webhook-id`."""
    await _spend(db, settings, staff, now)
    async with transaction(db, staff) as session:
        return DeliveryOut.of(*await deliveries.replay(session, staff, key, delivery_id, now))


@post("/webhooks/{key:str}/tests", opt=EDITORS, status_code=202, responses=raises(*BY_HAND))
async def test_webhook(staff: Staff, db: Db, settings: TheSettings, now: Now, key: Key) -> DeliveryOut:
    """Send an event `webhook.test`, which tells of nothing."""
    await _spend(db, settings, staff, now)
    async with transaction(db, staff) as session:
        return DeliveryOut.of(*await deliveries.test(session, staff, key))


async def _spend(db: Database, settings: Settings, staff: Member, now: Now) -> None:
    most = settings.numbers.at("webhook_tests_per_hour", now.date())
    await limits.spend(db, f"webhook:{staff.brand_id}", seconds=HOUR_SECONDS, most=most)


router = Router(
    "/",
    route_handlers=[
        list_webhooks,
        get_webhook,
        put_webhook,
        replace_webhook_secret,
        list_deliveries,
        replay_delivery,
        test_webhook,
    ],
    tags=["Webhooks"],
)
