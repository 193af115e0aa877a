"""The log of deliveries, replays and test events."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import jobs
from backend.core.db.events import Event
from backend.core.http.errors import Conflict, NotFound
from backend.identity.brands.authentication import Member
from backend.notifications.webhooks import sender, service
from backend.notifications.webhooks.event_kinds import TEST
from backend.notifications.webhooks.models import Delivery, DeliveryState, Endpoint


class DeliveryUnknown(NotFound):
    """This webhook has no such delivery. They are kept for 30 days."""

    code = "delivery_unknown"


class DeliveryUnderWay(Conflict):
    """This delivery is being sent now. Try again in half a minute."""

    code = "delivery_under_way"


class WebhookDisabled(Conflict):
    """This webhook is disabled. Enable it first."""

    code = "webhook_disabled"


async def list_deliveries(
    session: AsyncSession, endpoint: Endpoint, state: DeliveryState | None, before: int | None, limit: int
) -> Sequence[tuple[Delivery, str]]:
    """A page of a webhook's deliveries with their events' kinds, newest first, with ids below `before`."""
    rows = select(Delivery, Event.kind).join(Event, Event.id == Delivery.event_id)
    rows = rows.where(Delivery.endpoint_id == endpoint.id)
    if state is not None:
        rows = rows.where(Delivery.state == state)
    if before is not None:
        rows = rows.where(Delivery.id < before)
    result = await session.execute(rows.order_by(Delivery.id.desc()).limit(limit))
    return [(row, kind) for row, kind in result]


async def replay_delivery(
    session: AsyncSession, member: Member, key: str, delivery_id: int, now: datetime
) -> tuple[Delivery, str]:
    """Send a delivery again under the same `webhook-id`, in any state. Failures are retried from the first delay.

    Raises:
        WebhookUnknown, WebhookDisabled, DeliveryUnknown, DeliveryUnderWay.
    """
    endpoint = await _enabled_webhook(session, member, key)
    row = select(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.id == delivery_id)
    delivery: Delivery | None = await session.scalar(row.with_for_update())
    if delivery is None:
        raise DeliveryUnknown
    if delivery.state == "sending" and delivery.next_attempt_at > now:
        raise DeliveryUnderWay
    delivery.state, delivery.attempts, delivery.next_attempt_at = "waiting", 0, now
    delivery.status, delivery.problem, delivery.done_at = None, "", None
    await _enqueue_sending(session)
    return delivery, (await session.get_one(Event, delivery.event_id)).kind


async def send_test_event(session: AsyncSession, member: Member, key: str) -> tuple[Delivery, str]:
    """Send a test event to one webhook, whatever kinds it subscribes to.

    Raises:
        WebhookUnknown, WebhookDisabled.
    """
    endpoint = await _enabled_webhook(session, member, key)
    body: dict[str, object] = {"key": key}
    event = Event(kind=TEST, brand_id=member.brand_id, staff_id=member.staff_id, body=body)
    session.add(event)
    await session.flush()
    delivery = Delivery(brand_id=member.brand_id, endpoint_id=endpoint.id, event_id=event.id, message=uuid4())
    session.add(delivery)
    await _enqueue_sending(session)
    await session.refresh(delivery)
    return delivery, TEST


async def _enabled_webhook(session: AsyncSession, member: Member, key: str) -> Endpoint:
    endpoint = await service.get_webhook(session, member, key)
    if endpoint.disabled_at is not None:
        raise WebhookDisabled
    return endpoint


async def _enqueue_sending(session: AsyncSession) -> None:
    await session.flush()
    await jobs.enqueue(session, sender.send_due)
