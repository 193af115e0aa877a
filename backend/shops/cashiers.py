"""A shop's cashiers and their PINs."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import NotFound
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.shops.models import Cashier, Shop, Till


class CashierUnknown(NotFound):
    """The shop has no such cashier."""

    code = "cashier_unknown"


async def list_cashiers(session: AsyncSession, shop: Shop, after: str | None, limit: int) -> list[Cashier]:
    """A page of a shop's cashiers in the order of their keys, after `after`."""
    rows = select(Cashier).where(Cashier.shop_id == shop.id, Cashier.key > (after or ""))
    return list(await session.scalars(rows.order_by(Cashier.key).limit(limit)))


async def put_cashier(session: AsyncSession, member: Member, shop: Shop, key: str, pin_hash: str | None) -> Cashier:
    """Create a cashier, or set or remove the PIN. A change ends shifts and enables a disabled cashier."""
    new = insert(Cashier).values(shop_id=shop.id, key=key, pin_hash=pin_hash)
    created: Cashier | None = await session.scalar(
        new.on_conflict_do_nothing(index_elements=["shop_id", "key"]).returning(Cashier)
    )
    if created is not None:
        audit_log.record(session, member, "cashier.added", id=created.id, shop_id=shop.id)
        return created
    cashier = await _lock_cashier(session, shop, key)
    if (cashier.pin_hash, pin_hash, cashier.disabled_at) != (None, None, None):
        cashier.pin_hash, cashier.disabled_at = pin_hash, None
        await _end_shifts(session, cashier)
        audit_log.record(session, member, "cashier.changed", id=cashier.id, shop_id=shop.id)
    return cashier


async def disable_cashier(session: AsyncSession, member: Member, shop: Shop, key: str) -> None:
    """Disable a cashier: shifts end, and signing in is refused. Idempotent.

    Raises:
        CashierUnknown: there is none.
    """
    cashier = await _lock_cashier(session, shop, key)
    if cashier.disabled_at is None:
        cashier.disabled_at = func.now()
        await _end_shifts(session, cashier)
        audit_log.record(session, member, "cashier.disabled", id=cashier.id, shop_id=shop.id)


async def _lock_cashier(session: AsyncSession, shop: Shop, key: str) -> Cashier:
    row = select(Cashier).where(Cashier.shop_id == shop.id, Cashier.key == key).with_for_update()
    cashier: Cashier | None = await session.scalar(row)
    if cashier is None:
        raise CashierUnknown
    return cashier


async def _end_shifts(session: AsyncSession, cashier: Cashier) -> None:
    tills = update(Till).where(Till.shop_id == cashier.shop_id, Till.cashier_id == cashier.id)
    await session.execute(tills.values(cashier_id=None, shift_ends_at=None))
