"""Shops as a brand knows them: its own, and those of others that serve it."""

import secrets
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum import luhn

from backend.brands import audit, timezones
from backend.brands.door import Member
from backend.brands.models import Brand
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.shops.models import BrandShop, Shop
from backend.shops.schemas import ShopIn

TIMEZONE = "Europe/Moscow"


class ShopUnknown(NotFound):
    """Your brand has no such shop."""


class ShopNumberUnknown(NotFound):
    """There is no shop with this number."""


class ShopNameMissing(Invalid):
    """A new shop needs a name. To link a shop of another brand, send its number."""


class ShopFixed(Conflict):
    """This key stands for another shop. Use a key of its own for each shop."""


class ShopLinked(Conflict):
    """Your brand knows this shop under another key."""


class KeeperOnly(Forbidden):
    """Another brand keeps this shop: only that brand changes it, its tills and its cashiers."""


class Known(NamedTuple):
    """A shop, and how a brand knows it."""

    shop: Shop
    link: BrandShop


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> list[Known]:
    """The shops of a brand in the order of its keys, from a place on."""
    rows = select(Shop, BrandShop).join(BrandShop, BrandShop.shop_id == Shop.id)
    rows = rows.where(BrandShop.brand_id == member.brand_id, BrandShop.key > (after or ""))
    found = await session.execute(rows.order_by(BrandShop.key).limit(most))
    return [Known(*row) for row in found]


async def find(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Known | None:
    """A shop by the brand's key. Locked, nobody else changes shops of this brand until the transaction ends."""
    if lock:
        # Not so strongly that sales, whose rows name the brand, would have to wait.
        await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})
    rows = select(Shop, BrandShop).join(BrandShop, BrandShop.shop_id == Shop.id)
    row = (await session.execute(rows.where(BrandShop.brand_id == member.brand_id, BrandShop.key == key))).first()
    return Known(*row) if row else None


async def get(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Known:
    """A shop by the brand's key.

    Raises:
        ShopUnknown: there is none.
    """
    found = await find(session, member, key, lock=lock)
    if found is None:
        raise ShopUnknown
    return found


async def kept(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Shop:
    """A shop that the caller's brand keeps.

    Raises:
        ShopUnknown: there is none. KeeperOnly: another brand keeps it.
    """
    shop, link = await get(session, member, key, lock=lock)
    if not link.keeper:
        raise KeeperOnly
    return shop


async def put(session: AsyncSession, member: Member, key: str, new: ShopIn) -> Known:
    """Make a shop, make it so, or link one that another brand keeps. One that was left comes back. Again changes
    nothing.

    Raises:
        ShopNumberUnknown, ShopNameMissing, ShopFixed, ShopLinked, KeeperOnly, TimezoneUnknown: as they say.
    """
    found = await find(session, member, key, lock=True)
    if found is None:
        return await (_link if new.number else _make)(session, member, key, new)
    if new.number not in (None, found.shop.number):
        raise ShopFixed
    if found.link.ended_at is not None:
        found.link.ended_at = None
        audit.note(session, member, "shop.linked", id=found.shop.id)
    if found.link.keeper:
        await _change(session, member, found.shop, _details(new))
    else:
        _leave_as_it_is(found.shop, new)
    return found


async def _make(session: AsyncSession, member: Member, key: str, new: ShopIn) -> Known:
    body = str(secrets.randbelow(9 * 10**8) + 10**8)
    shop = Shop(number=body + str(luhn.calc_check_digit(body)), **_details(new))
    session.add(shop)
    await session.flush()
    return await _known(session, member, "shop.created", shop, BrandShop(key=key, keeper=True))


async def _link(session: AsyncSession, member: Member, key: str, new: ShopIn) -> Known:
    shop = await session.scalar(select(Shop).where(Shop.number == new.number))
    if shop is None:
        raise ShopNumberUnknown
    mine = select(BrandShop.id).where(BrandShop.brand_id == member.brand_id, BrandShop.shop_id == shop.id)
    if await session.scalar(mine):
        raise ShopLinked
    _leave_as_it_is(shop, new)
    return await _known(session, member, "shop.linked", shop, BrandShop(key=key))


async def _known(session: AsyncSession, member: Member, kind: str, shop: Shop, link: BrandShop) -> Known:
    link.brand_id, link.shop_id = member.brand_id, shop.id
    session.add(link)
    await session.flush()
    await session.refresh(link)
    audit.note(session, member, kind, id=shop.id)
    return Known(shop, link)


def _details(new: ShopIn) -> dict[str, str]:
    if new.name is None:
        raise ShopNameMissing
    timezones.check(new.timezone or TIMEZONE)
    return {
        "name": new.name.strip(),
        "city": (new.city or "").strip(),
        "address": (new.address or "").strip(),
        "timezone": new.timezone or TIMEZONE,
    }


def _leave_as_it_is(shop: Shop, new: ShopIn) -> None:
    """Whoever only links a shop may name what it is, and change nothing."""
    for name in ("name", "city", "address", "timezone"):
        given = getattr(new, name)
        if given is not None and given != getattr(shop, name):
            raise KeeperOnly


async def _change(session: AsyncSession, member: Member, shop: Shop, details: dict[str, str]) -> None:
    changed = [name for name, value in details.items() if getattr(shop, name) != value]
    for name in changed:
        setattr(shop, name, details[name])
    if changed:
        await session.flush()
        audit.note(session, member, "shop.changed", id=shop.id, changed=changed)


async def leave(session: AsyncSession, member: Member, key: str) -> None:
    """Let a shop serve the brand no more: its codes stop working there, and what is owed stays owed. The keeper goes
    on running its tills. Again is harmless.

    Raises:
        ShopUnknown: there is none.
    """
    shop, link = await get(session, member, key, lock=True)
    if link.ended_at is None:
        link.ended_at = func.now()
        audit.note(session, member, "shop.left", id=shop.id)
