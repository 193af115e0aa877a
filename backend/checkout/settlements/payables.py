"""The limit of a brand's debt to a shop of another brand, and its payments.

The debt is a running sum on the link (shops/sql/28_debts.sql); here it is recomputed under the shop's exclusive
lock.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.settlements import service as statements
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.shops.models import BrandShop

# Each payable belongs to one statement, so the debt is the sum of all payables less the paid statements.
OWED = text("""
    SELECT (SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0) FROM dues
            WHERE creditor_id = :shop AND debtor_id = :brand)::bigint
        - (SELECT coalesce(sum(total), 0) FROM statements
            WHERE shop_id = :shop AND brand_id = :brand AND number <= :paid)::bigint AS owed
""")


async def current_debt(session: AsyncSession, link: BrandShop) -> int:
    """A brand's debt to a shop, in kopecks. Without a limit no sum is stored, so it is computed."""
    return await compute_debt(session, link) if link.debt_most is None else link.owed


async def compute_debt(session: AsyncSession, link: BrandShop) -> int:
    """Compute a brand's unpaid debt to a shop, in kopecks."""
    values = {"shop": link.shop_id, "brand": link.brand_id, "paid": link.paid_statement}
    debt: int = (await session.execute(OWED, values)).scalar_one()
    return debt


async def set_debt_limit(session: AsyncSession, member: Member, link: BrandShop, most: int) -> None:
    """Set the limit; the caller holds the shop's exclusive lock. A debt above it stays."""
    link.owed = await compute_debt(session, link)
    if link.debt_most != most:
        link.debt_most = most
        audit_log.record(session, member, "shop.debt_bounded", id=link.shop_id, brand=link.brand_id, most=most)


async def record_payment(session: AsyncSession, member: Member, link: BrandShop, number: int) -> None:
    """Record that all statements up to a number are paid; the caller holds the shop's exclusive lock. Idempotent; an
    earlier number changes nothing.

    Raises:
        StatementUnknown: there is none, or it is still open.
    """
    statement = await statements.get_statement(session, link.shop_id, link.brand_id, number)
    if statement.number > link.paid_statement:
        link.paid_statement = statement.number
        audit_log.record(
            session, member, "statement.paid", id=statement.id, shop_id=link.shop_id, number=statement.number
        )
    link.owed = await compute_debt(session, link)
