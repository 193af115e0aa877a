"""A brand's webhooks: target, kinds of events, and signing secrets."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.core.settings import Settings
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Brand
from backend.notifications.webhooks import signatures, targets
from backend.notifications.webhooks.models import Endpoint
from backend.notifications.webhooks.schemas import WebhookIn
from backend.notifications.webhooks.targets import TargetForbidden


class WebhookUnknown(NotFound):
    """Your brand has no such webhook."""

    code = "webhook_unknown"


class WebhooksTooMany(Conflict):
    """Your brand has the maximum of {most} webhooks. Change one of them instead."""

    code = "webhooks_too_many"


class UrlForbidden(Invalid):
    """A webhook goes to a public https address, to port 443 or above 1023, without a user name or fragment."""

    code = "url_forbidden"


class SecretsTooMany(Conflict):
    """Too many older secrets of this webhook are still valid. Wait until they end, or end them with `old_hours` 0."""

    code = "secrets_too_many"


class SecretUnreadable(Conflict):
    """This webhook's secret can no longer be decrypted. Replace it with `old_hours` 0."""

    code = "secret_unreadable"


async def list_webhooks(session: AsyncSession, member: Member, after: str | None, limit: int) -> Sequence[Endpoint]:
    """A page of a brand's webhooks in the order of their keys, after `after`."""
    rows = select(Endpoint).where(Endpoint.brand_id == member.brand_id, Endpoint.key > (after or ""))
    return (await session.scalars(rows.order_by(Endpoint.key).limit(limit))).all()


async def get_webhook(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Endpoint:
    """One webhook of the caller's brand.

    Raises:
        WebhookUnknown: there is none under this key.
    """
    row = select(Endpoint).where(Endpoint.brand_id == member.brand_id, Endpoint.key == key)
    endpoint: Endpoint | None = await session.scalar(row.with_for_update() if lock else row)
    if endpoint is None:
        raise WebhookUnknown
    return endpoint


async def put_webhook(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: WebhookIn, now: datetime
) -> tuple[Endpoint, str | None]:
    """Create or change a webhook. Returns the secret only of a new one.

    Raises:
        UrlForbidden, WebhooksTooMany.
    """
    try:
        targets.check_url(new.url, private=settings.webhook_private)
    except TargetForbidden as error:
        raise UrlForbidden from error
    # Serialises requests of a brand, or two could exceed the limit. Does not block foreign keys to the brand.
    await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})
    try:
        endpoint = await get_webhook(session, member, key, lock=True)
    except WebhookUnknown:
        return await _create_webhook(session, settings, member, key, new, now)
    return await _change_webhook(session, member, endpoint, new, now), None


async def _create_webhook(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: WebhookIn, now: datetime
) -> tuple[Endpoint, str]:
    count = select(func.count()).select_from(Endpoint).where(Endpoint.brand_id == member.brand_id)
    limit = settings.numbers.at("webhooks_per_brand", now.date())
    if (await session.scalar(count) or 0) >= limit:
        raise WebhooksTooMany(most=limit)
    endpoint = Endpoint(brand_id=member.brand_id, key=key, url=new.url, kinds=_sorted_kinds(new), secret=b"")
    endpoint.disabled_at = now if new.disabled else None
    session.add(endpoint)
    await session.flush()
    signing_secrets = signatures.new_secrets()
    # The encryption is bound to the id, which exists only after the flush.
    endpoint.secret = signatures.seal_secrets(settings.master_keys, endpoint.id, signing_secrets)
    await session.flush()
    await session.refresh(endpoint)
    audit_log.record(session, member, "webhook.created", key=key)
    return endpoint, signing_secrets.display_text()


async def _change_webhook(
    session: AsyncSession, member: Member, endpoint: Endpoint, new: WebhookIn, now: datetime
) -> Endpoint:
    values = {"url": new.url, "kinds": _sorted_kinds(new)}
    changed = [name for name, value in values.items() if getattr(endpoint, name) != value]
    for name in changed:
        setattr(endpoint, name, values[name])
    if new.disabled != (endpoint.disabled_at is not None):
        endpoint.disabled_at = now if new.disabled else None
        changed.append("disabled")
    if changed:
        audit_log.record(session, member, "webhook.changed", key=endpoint.key, changed=changed)
    return endpoint


def _sorted_kinds(new: WebhookIn) -> list[str]:
    return sorted(set(new.kinds))


async def replace_secret(
    session: AsyncSession, settings: Settings, member: Member, key: str, old_hours: int, now: datetime
) -> str:
    """Give a webhook a new secret. Previous secrets sign as well for `old_hours`; with 0 they end at once.

    Not idempotent: a repeat makes another secret. Each previous secret keeps its own end.

    Raises:
        WebhookUnknown, SecretsTooMany. SecretUnreadable: the master key has changed.
    """
    endpoint = await get_webhook(session, member, key, lock=True)
    signing_secrets = signatures.new_secrets()
    if old_hours:
        before = _current_secrets(settings, endpoint).valid_at(now)
        if len(before.old) >= signatures.MAX_OLD_SECRETS:
            raise SecretsTooMany
        signing_secrets = before.with_new_secret(now + timedelta(hours=old_hours))
    endpoint.secret = signatures.seal_secrets(settings.master_keys, endpoint.id, signing_secrets)
    audit_log.record(session, member, "webhook.secret_replaced", key=key, old_hours=old_hours)
    return signing_secrets.display_text()


def _current_secrets(settings: Settings, endpoint: Endpoint) -> signatures.SigningSecrets:
    try:
        return signatures.unseal_secrets(settings.master_keys, endpoint.id, endpoint.secret)
    except InvalidTag as error:
        raise SecretUnreadable from error
