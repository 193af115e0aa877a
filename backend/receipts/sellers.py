"""Shops that a brand pays for, or doesn't, by tax number."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.ru import inn as tax_number

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Invalid, NotFound
from backend.receipts.models import Seller


class InnInvalid(Invalid):
    """This is not a tax number: it has 10 or 12 digits, and the last ones must fit the others."""


class SellerUnknown(NotFound):
    """Your brand has said nothing about a shop with this tax number."""


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> list[Seller]:
    """Shops by tax number."""
    find = select(Seller).where(Seller.brand_id == member.brand_id, Seller.inn > (after or ""))
    return list(await session.scalars(find.order_by(Seller.inn).limit(most)))


async def get(session: AsyncSession, member: Member, inn: str) -> Seller:
    """What the brand said about a shop.

    Raises:
        SellerUnknown: nothing.
    """
    found = await session.get(Seller, (member.brand_id, inn))
    if found is None:
        raise SellerUnknown
    return found


async def put(session: AsyncSession, member: Member, inn: str, *, allowed: bool, note: str) -> Seller:
    """Say whether receipts of a shop pay; receipts that have been settled stay as they are.

    Raises:
        InnInvalid: the check digits do not fit (the rule of tax numbers in Russia, python-stdnum).
    """
    if not tax_number.is_valid(inn):
        raise InnInvalid
    said: dict[str, Any] = {"allowed": allowed, "note": note}
    row = await session.get(Seller, (member.brand_id, inn), with_for_update=True)
    if row is None:
        row = Seller(brand_id=member.brand_id, inn=inn, **said)
        session.add(row)
    elif (row.allowed, row.note) == (allowed, note):
        return row
    row.allowed, row.note = allowed, note
    audit.note(session, member, "seller.put", inn=inn, allowed=allowed)
    return row


async def forget(session: AsyncSession, member: Member, inn: str) -> None:
    """Say nothing about a shop any more.

    Raises:
        SellerUnknown: nothing was said.
    """
    await session.delete(await get(session, member, inn))
    audit.note(session, member, "seller.deleted", inn=inn)
