"""Links of a shop with other brands: requested by the brands, accepted by the shop's keeper."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.db.locks import lock_shop
from backend.core.http.errors import NotFound
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Brand
from backend.shops.models import BrandShop, Shop


class LinkUnknown(NotFound):
    """This brand has not asked to be served by this shop."""

    code = "link_unknown"


async def list_links(session: AsyncSession, shop: Shop, after: int | None, limit: int) -> list[tuple[BrandShop, str]]:
    """A page of a shop's links with other brands, by brand number after `after`: pending, accepted and ended."""
    rows = select(BrandShop, Brand.name).join(Brand, Brand.id == BrandShop.brand_id)
    rows = rows.where(BrandShop.shop_id == shop.id, BrandShop.keeper.is_(False), BrandShop.brand_id > (after or 0))
    result = await session.execute(rows.order_by(BrandShop.brand_id).limit(limit))
    return [(link, name) for link, name in result]


async def lock_link(session: AsyncSession, shop: Shop, brand_id: int) -> tuple[BrandShop, str]:
    """The link of another brand. Locks it and all payables of the shop until the transaction ends.

    Raises:
        LinkUnknown: there is none.
    """
    await lock_shop(session, shop.id)
    row = select(BrandShop, Brand.name).join(Brand, Brand.id == BrandShop.brand_id)
    row = row.where(BrandShop.shop_id == shop.id, BrandShop.keeper.is_(False), BrandShop.brand_id == brand_id)
    result = (await session.execute(row.with_for_update(of=BrandShop))).first()
    if result is None:
        raise LinkUnknown
    return result[0], result[1]


async def accept_link(session: AsyncSession, member: Member, shop: Shop, link: BrandShop) -> None:
    """Accept a brand's link: the shop's tills accept its codes. An ended link must be requested again."""
    if link.ended_at is not None or not link.pending:
        return
    link.pending, link.accepted_at = False, func.now()
    audit_log.record(session, member, "shop.brand_accepted", id=shop.id, brand=link.brand_id)
    events.record(session, "shop.accepted", brand_id=link.brand_id, shop_id=shop.id, number=shop.number)


async def end_link(session: AsyncSession, member: Member, shop: Shop, link: BrandShop) -> None:
    """Decline or end a brand's link; its debt stays. Idempotent."""
    if link.ended_at is None:
        link.ended_at = func.now()
        audit_log.record(session, member, "shop.brand_declined", id=shop.id, brand=link.brand_id)
        events.record(session, "shop.declined", brand_id=link.brand_id, shop_id=shop.id, number=shop.number)
