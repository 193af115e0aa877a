"""The log of what was delivered, and sending by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import jobs
from backend.brands.door import Member
from backend.errors import Conflict, NotFound
from backend.events import Event
from backend.webhooks import sending, service
from backend.webhooks.kinds import TEST
from backend.webhooks.models import Delivery, Endpoint, State


class DeliveryUnknown(NotFound):
    """This webhook has no such delivery. They are kept for 30 days."""


class DeliveryUnderWay(Conflict):
    """This delivery is being sent just now. Look again in half a minute."""


class WebhookDisabled(Conflict):
    """This webhook is disabled. Enable it first."""


async def page(
    session: AsyncSession, endpoint: Endpoint, state: State | None, before: int | None, most: int
) -> Sequence[tuple[Delivery, str]]:
    """Deliveries of a webhook with their events' kinds, newest first, from a place on."""
    rows = select(Delivery, Event.kind).join(Event, Event.id == Delivery.event_id)
    rows = rows.where(Delivery.endpoint_id == endpoint.id)
    if state is not None:
        rows = rows.where(Delivery.state == state)
    if before is not None:
        rows = rows.where(Delivery.id < before)
    found = await session.execute(rows.order_by(Delivery.id.desc()).limit(most))
    return [(row, kind) for row, kind in found]


async def replay(
    session: AsyncSession, member: Member, key: str, delivery_id: int, now: datetime
) -> tuple[Delivery, str]:
    """Send a delivery once more, whatever became of it, under the id that it has; a failure is tried again as ever.

    Raises:
        WebhookUnknown, WebhookDisabled, DeliveryUnknown, DeliveryUnderWay: as they say.
    """
    endpoint = await _enabled(session, member, key)
    row = select(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.id == delivery_id)
    found: Delivery | None = await session.scalar(row.with_for_update())
    if found is None:
        raise DeliveryUnknown
    if found.state == "sending" and found.due_at > now:
        raise DeliveryUnderWay
    found.state, found.attempts, found.due_at = "waiting", 0, now
    found.status, found.problem, found.done_at = None, "", None
    await _send(session)
    return found, (await session.get_one(Event, found.event_id)).kind


async def test(session: AsyncSession, member: Member, key: str) -> tuple[Delivery, str]:
    """Send something that tells of nothing, to one webhook, whatever kinds it asks for.

    Raises:
        WebhookUnknown, WebhookDisabled: as they say.
    """
    endpoint = await _enabled(session, member, key)
    body: dict[str, Any] = {"key": key}
    event = Event(kind=TEST, brand_id=member.brand_id, staff_id=member.staff_id, body=body)
    session.add(event)
    await session.flush()
    made = Delivery(brand_id=member.brand_id, endpoint_id=endpoint.id, event_id=event.id, message=uuid4())
    session.add(made)
    await _send(session)
    await session.refresh(made)
    return made, TEST


async def _enabled(session: AsyncSession, member: Member, key: str) -> Endpoint:
    endpoint = await service.get(session, member, key)
    if endpoint.disabled_at is not None:
        raise WebhookDisabled
    return endpoint


async def _send(session: AsyncSession) -> None:
    await session.flush()
    await jobs.enqueue(session, sending.send_due)
