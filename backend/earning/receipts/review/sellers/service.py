"""Shops that a brand pays for or excludes, by tax number."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.ru import inn as tax_number

from backend.core.http.errors import Invalid, NotFound
from backend.earning.receipts.models import ReceiptSeller
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member


class InnInvalid(Invalid):
    """This is not a tax number: it has 10 or 12 digits, and the last ones must fit the others."""

    code = "inn_invalid"


class SellerUnknown(NotFound):
    """Your brand has no decision about a shop with this tax number."""

    code = "seller_unknown"


async def list_sellers(session: AsyncSession, member: Member, after: str | None, limit: int) -> list[ReceiptSeller]:
    """Shops by tax number."""
    query = select(ReceiptSeller).where(ReceiptSeller.brand_id == member.brand_id, ReceiptSeller.inn > (after or ""))
    return list(await session.scalars(query.order_by(ReceiptSeller.inn).limit(limit)))


async def find_seller(session: AsyncSession, member: Member, inn: str) -> ReceiptSeller | None:
    """The brand's decision about a shop, if there is one."""
    return await session.get(ReceiptSeller, (member.brand_id, inn))


async def get_seller(session: AsyncSession, member: Member, inn: str) -> ReceiptSeller:
    """The brand's decision about a shop.

    Raises:
        SellerUnknown: there is none.
    """
    seller = await find_seller(session, member, inn)
    if seller is None:
        raise SellerUnknown
    return seller


async def put_seller(session: AsyncSession, member: Member, inn: str, *, allowed: bool, note: str) -> ReceiptSeller:
    """Set whether receipts of a shop pay; settled receipts stay as they are.

    Raises:
        InnInvalid: the check digits do not fit (the rule of tax numbers in Russia, python-stdnum).
    """
    if tax_number.compact(inn) != inn or not tax_number.is_valid(inn):
        raise InnInvalid
    row = await session.get(ReceiptSeller, (member.brand_id, inn), with_for_update=True)
    if row is None:
        row = ReceiptSeller(brand_id=member.brand_id, inn=inn, allowed=allowed, note=note)
        session.add(row)
    elif (row.allowed, row.note) == (allowed, note):
        return row
    row.allowed, row.note = allowed, note
    audit_log.record(session, member, "seller.put", inn=inn, allowed=allowed)
    return row


async def delete_seller(session: AsyncSession, member: Member, inn: str) -> None:
    """Remove the decision about a shop.

    Raises:
        SellerUnknown: there is none.
    """
    await session.delete(await get_seller(session, member, inn))
    audit_log.record(session, member, "seller.deleted", inn=inn)
