"""A brand's webhooks: where its events go, and the secrets they are signed with."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.brands.models import Brand
from backend.errors import Conflict, Invalid, NotFound
from backend.settings import Settings
from backend.webhooks import signing, targets
from backend.webhooks.models import Endpoint
from backend.webhooks.schemas import WebhookIn
from backend.webhooks.targets import TargetForbidden


class WebhookUnknown(NotFound):
    """Your brand has no such webhook."""


class WebhooksTooMany(Conflict):
    """Your brand has as many webhooks as we keep: {most}. Change one of them instead."""


class UrlForbidden(Invalid):
    """A webhook goes to a public https address, to port 443 or above 1023, without a user name or fragment."""


class SecretsTooMany(Conflict):
    """Too many of this webhook's older secrets still sign. Wait until they end, or end them with `old_hours` 0."""


class SecretUnreadable(Conflict):
    """This webhook's older secret can no longer be read, so it cannot sign on. Replace it with `old_hours` 0."""


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> Sequence[Endpoint]:
    """The webhooks of a brand by key, from a place on."""
    rows = select(Endpoint).where(Endpoint.brand_id == member.brand_id, Endpoint.key > (after or ""))
    return (await session.scalars(rows.order_by(Endpoint.key).limit(most))).all()


async def get(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Endpoint:
    """One webhook of the caller's brand.

    Raises:
        WebhookUnknown: there is none under this key.
    """
    row = select(Endpoint).where(Endpoint.brand_id == member.brand_id, Endpoint.key == key)
    found: Endpoint | None = await session.scalar(row.with_for_update() if lock else row)
    if found is None:
        raise WebhookUnknown
    return found


async def put(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: WebhookIn, now: datetime
) -> tuple[Endpoint, str | None]:
    """Make a webhook, or change it; its secret is told only when it is made.

    Raises:
        UrlForbidden, WebhooksTooMany: as they say.
    """
    try:
        targets.check(new.url, private=settings.webhook_private)
    except TargetForbidden as error:
        raise UrlForbidden from error
    # One after another in a brand, or two could pass the limit; foreign keys to the brand are not held up.
    await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})
    try:
        return await _change(session, member, await get(session, member, key, lock=True), new, now), None
    except WebhookUnknown:
        return await _make(session, settings, member, key, new, now)


async def _make(
    session: AsyncSession, settings: Settings, member: Member, key: str, new: WebhookIn, now: datetime
) -> tuple[Endpoint, str]:
    mine = select(func.count()).select_from(Endpoint).where(Endpoint.brand_id == member.brand_id)
    most = settings.numbers.at("webhooks_per_brand", now.date())
    if (await session.scalar(mine) or 0) >= most:
        raise WebhooksTooMany(most=most)
    made = Endpoint(brand_id=member.brand_id, key=key, url=new.url, kinds=_sorted(new), secret=b"")
    made.disabled_at = now if new.disabled else None
    session.add(made)
    await session.flush()
    kept = signing.new()
    made.secret = signing.seal(settings.master_key, made.id, kept)  # bound to the id, which is known only now
    await session.flush()
    await session.refresh(made)
    audit.note(session, member, "webhook.created", key=key)
    return made, kept.shown()


async def _change(session: AsyncSession, member: Member, found: Endpoint, new: WebhookIn, now: datetime) -> Endpoint:
    values = {"url": new.url, "kinds": _sorted(new)}
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    for name in changed:
        setattr(found, name, values[name])
    if new.disabled != (found.disabled_at is not None):
        found.disabled_at = now if new.disabled else None
        changed.append("disabled")
    if changed:
        audit.note(session, member, "webhook.changed", key=found.key, changed=changed)
    return found


def _sorted(new: WebhookIn) -> list[str]:
    return sorted(set(new.kinds))


async def replace_secret(
    session: AsyncSession, settings: Settings, member: Member, key: str, old_hours: int, now: datetime
) -> str:
    """Give a webhook a new secret. The ones before sign beside it for so many hours; with 0 they end at once.

    A repeat makes another one and takes nothing away from the first: each has its own hours.

    Raises:
        WebhookUnknown, SecretsTooMany: as they say. SecretUnreadable: the master key is another one by now.
    """
    found = await get(session, member, key, lock=True)
    kept = signing.new()
    if old_hours:
        before = _unsealed(settings, found).at(now)
        if len(before.old) >= signing.MOST_OLD:
            raise SecretsTooMany
        kept = before.replaced(now + timedelta(hours=old_hours))
    found.secret = signing.seal(settings.master_key, found.id, kept)
    audit.note(session, member, "webhook.secret_replaced", key=key, old_hours=old_hours)
    return kept.shown()


def _unsealed(settings: Settings, found: Endpoint) -> signing.Secrets:
    try:
        return signing.unseal(settings.master_key, found.id, found.secret)
    except InvalidTag as error:
        raise SecretUnreadable from error
