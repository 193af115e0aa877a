"""Shops of a brand: those it manages, and those of other keepers that serve it."""

import secrets
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum import luhn

from backend.core.db import events
from backend.core.http.errors import Conflict, Forbidden, Invalid, NotFound
from backend.identity.brands import audit_log, timezones
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Brand
from backend.shops.models import BrandShop, Shop
from backend.shops.schemas import ShopIn

TIMEZONE = "Europe/Moscow"
KEEPER = text("SELECT shops_keeper(:shop)")
DAILY_INVITATIONS = 3  # events of one brand's requests to one shop
COUNT_INVITATION = text("SELECT (limit_count(:key, 86400, 1)).total")


class ShopUnknown(NotFound):
    """Your brand has no such shop."""

    code = "shop_unknown"


class ShopNumberUnknown(NotFound):
    """There is no shop with this number."""

    code = "shop_number_unknown"


class ShopNameMissing(Invalid):
    """A new shop needs a name. To link a shop of another brand, send its number."""

    code = "shop_name_missing"


class ShopFixed(Conflict):
    """Another shop has this key. Use a separate key for each shop."""

    code = "shop_fixed"


class ShopLinked(Conflict):
    """Your brand has this shop under another key."""

    code = "shop_linked"


class KeeperOnly(Forbidden):
    """Another brand manages this shop. Only that brand changes it, its tills and its cashiers."""

    code = "keeper_only"


class LinkedShop(NamedTuple):
    """A shop and a brand's link with it."""

    shop: Shop
    link: BrandShop


async def list_shops(session: AsyncSession, member: Member, after: str | None, limit: int) -> list[LinkedShop]:
    """A page of a brand's shops in the order of its keys, after `after`."""
    rows = select(Shop, BrandShop).join(BrandShop, BrandShop.shop_id == Shop.id)
    rows = rows.where(BrandShop.brand_id == member.brand_id, BrandShop.key > (after or ""))
    result = await session.execute(rows.order_by(BrandShop.key).limit(limit))
    return [LinkedShop(*row) for row in result]


async def find_shop(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> LinkedShop | None:
    """A shop by the brand's key. With `lock` other transactions cannot change the brand's shops until this one ends."""
    if lock:
        # FOR NO KEY UPDATE, so that sales, whose rows refer to the brand, do not wait.
        await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})
    rows = select(Shop, BrandShop).join(BrandShop, BrandShop.shop_id == Shop.id)
    row = (await session.execute(rows.where(BrandShop.brand_id == member.brand_id, BrandShop.key == key))).first()
    return LinkedShop(*row) if row else None


async def get_shop(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> LinkedShop:
    """A shop by the brand's key.

    Raises:
        ShopUnknown: there is none.
    """
    linked = await find_shop(session, member, key, lock=lock)
    if linked is None:
        raise ShopUnknown
    return linked


async def get_managed_shop(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Shop:
    """A shop that the caller's brand manages.

    Raises:
        ShopUnknown: there is none. KeeperOnly: another brand manages it.
    """
    shop, link = await get_shop(session, member, key, lock=lock)
    if not link.keeper:
        raise KeeperOnly
    return shop


async def put_shop(session: AsyncSession, member: Member, key: str, new: ShopIn) -> LinkedShop:
    """Create or change a shop, or request a link with one that another brand manages. Idempotent.

    An ended link is restored; one with another brand's shop becomes pending again.

    Raises:
        ShopNumberUnknown, ShopNameMissing, ShopFixed, ShopLinked, KeeperOnly, TimezoneUnknown, TimezoneInvalid.
    """
    linked = await find_shop(session, member, key, lock=True)
    if linked is None:
        return await (_request_link if new.number else _create_shop)(session, member, key, new)
    if new.number not in (None, linked.shop.number):
        raise ShopFixed
    if linked.link.ended_at is not None:
        linked.link.ended_at = None
        linked.link.pending = not linked.link.keeper
        audit_log.record(session, member, "shop.linked", id=linked.shop.id)
        if linked.link.pending:
            await _record_invitation(session, member, linked.shop)
    if linked.link.keeper:
        await _change_shop(session, member, linked.shop, await _shop_details(session, new))
    else:
        _check_unchanged(linked.shop, new)
    return linked


async def _create_shop(session: AsyncSession, member: Member, key: str, new: ShopIn) -> LinkedShop:
    body = str(secrets.randbelow(9 * 10**8) + 10**8)
    shop = Shop(number=body + str(luhn.calc_check_digit(body)), **await _shop_details(session, new))
    session.add(shop)
    await session.flush()
    return await _add_link(session, member, "shop.created", shop, BrandShop(key=key, keeper=True))


async def _request_link(session: AsyncSession, member: Member, key: str, new: ShopIn) -> LinkedShop:
    shop = await session.scalar(select(Shop).where(Shop.number == new.number))
    if shop is None:
        raise ShopNumberUnknown
    own_link = select(BrandShop.id).where(BrandShop.brand_id == member.brand_id, BrandShop.shop_id == shop.id)
    if await session.scalar(own_link):
        raise ShopLinked
    _check_unchanged(shop, new)
    linked = await _add_link(session, member, "shop.linked", shop, BrandShop(key=key, pending=True))
    await _record_invitation(session, member, shop)
    return linked


async def _record_invitation(session: AsyncSession, member: Member, shop: Shop) -> None:
    """Record the event of a brand's request for the brand that manages the shop, a few times a day at most."""
    requests = await session.scalar(COUNT_INVITATION, {"key": f"invitations:{member.brand_id}:{shop.id}"}) or 0
    if requests > DAILY_INVITATIONS:
        return
    keeper = await session.scalar(KEEPER, {"shop": shop.id})
    name = await session.scalar(select(Brand.name).where(Brand.id == member.brand_id))
    events.record(
        session, "shop.invited", brand_id=keeper, shop_id=shop.id, number=shop.number, brand=member.brand_id, name=name
    )


async def _add_link(session: AsyncSession, member: Member, kind: str, shop: Shop, link: BrandShop) -> LinkedShop:
    link.brand_id, link.shop_id = member.brand_id, shop.id
    session.add(link)
    await session.flush()
    await session.refresh(link)
    audit_log.record(session, member, kind, id=shop.id)
    return LinkedShop(shop, link)


async def _shop_details(session: AsyncSession, new: ShopIn) -> dict[str, str]:
    if new.name is None:
        raise ShopNameMissing
    await timezones.check_timezone(session, new.timezone or TIMEZONE)
    return {
        "name": new.name.strip(),
        "city": (new.city or "").strip(),
        "address": (new.address or "").strip(),
        "timezone": new.timezone or TIMEZONE,
    }


def _check_unchanged(shop: Shop, new: ShopIn) -> None:
    """Refuse changes of a shop by a brand that does not manage it. Fields that repeat the present values pass."""
    for name in ("name", "city", "address", "timezone"):
        value = getattr(new, name)
        if value is not None and value != getattr(shop, name):
            raise KeeperOnly


async def _change_shop(session: AsyncSession, member: Member, shop: Shop, details: dict[str, str]) -> None:
    changed = [name for name, value in details.items() if getattr(shop, name) != value]
    for name in changed:
        setattr(shop, name, details[name])
    if changed:
        await session.flush()
        audit_log.record(session, member, "shop.changed", id=shop.id, changed=changed)


async def leave_shop(session: AsyncSession, member: Member, key: str) -> None:
    """End a brand's link with a shop: its codes stop working there, its debt stays. The keeper continues to manage
    the tills. Idempotent.

    Raises:
        ShopUnknown: there is none.
    """
    shop, link = await get_shop(session, member, key, lock=True)
    if link.ended_at is None:
        link.ended_at = func.now()
        audit_log.record(session, member, "shop.left", id=shop.id)
