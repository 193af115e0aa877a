"""A shop's cashiers and their PINs."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import NotFound
from backend.shops.models import Cashier, Shop, Till


class CashierUnknown(NotFound):
    """The shop has no such cashier."""


async def page(session: AsyncSession, shop: Shop, after: str | None, most: int) -> list[Cashier]:
    """The cashiers of a shop in the order of their keys, from a place on."""
    rows = select(Cashier).where(Cashier.shop_id == shop.id, Cashier.key > (after or ""))
    return list(await session.scalars(rows.order_by(Cashier.key).limit(most)))


async def put(session: AsyncSession, member: Member, shop: Shop, key: str, pin_hash: str | None) -> Cashier:
    """Make a cashier, or give him this PIN or none; his shifts end with the change. One who was let go comes back."""
    new = insert(Cashier).values(shop_id=shop.id, key=key, pin_hash=pin_hash)
    made: Cashier | None = await session.scalar(
        new.on_conflict_do_nothing(index_elements=["shop_id", "key"]).returning(Cashier)
    )
    if made is not None:
        audit.note(session, member, "cashier.added", id=made.id, shop_id=shop.id)
        return made
    found = await _locked(session, shop, key)
    if (found.pin_hash, pin_hash, found.disabled_at) != (None, None, None):
        found.pin_hash, found.disabled_at = pin_hash, None
        await _end_shifts(session, found)
        audit.note(session, member, "cashier.changed", id=found.id, shop_id=shop.id)
    return found


async def disable(session: AsyncSession, member: Member, shop: Shop, key: str) -> None:
    """Let a cashier go: his shifts end and he cannot sign in. Again is harmless.

    Raises:
        CashierUnknown: there is none.
    """
    found = await _locked(session, shop, key)
    if found.disabled_at is None:
        found.disabled_at = func.now()
        await _end_shifts(session, found)
        audit.note(session, member, "cashier.disabled", id=found.id, shop_id=shop.id)


async def _locked(session: AsyncSession, shop: Shop, key: str) -> Cashier:
    row = select(Cashier).where(Cashier.shop_id == shop.id, Cashier.key == key).with_for_update()
    found: Cashier | None = await session.scalar(row)
    if found is None:
        raise CashierUnknown
    return found


async def _end_shifts(session: AsyncSession, cashier: Cashier) -> None:
    at = update(Till).where(Till.shop_id == cashier.shop_id, Till.cashier_id == cashier.id)
    await session.execute(at.values(cashier_id=None, shift_ends_at=None))
