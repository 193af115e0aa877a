"""Settlement: what a brand owes a shop, period by period.

A period is a range of dues: all of a shop and a brand after the last one of the period before. Whoever sells or takes
back holds the shop's lock shared until he commits, and closing takes it alone. So no due is on its way then, and each
that comes later has a higher number: it goes into the next period.
"""

from typing import Any, TypeVar

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.checkout.models import Statement
from backend.checkout.statement_schemas import (
    BrandPeriod,
    BrandStatement,
    StatementOpen,
    StatementOut,
    StatementPage,
    TillStatements,
)
from backend.database import Database
from backend.errors import Conflict, NotFound
from backend.shops.door import TillAt
from backend.shops.models import Shop
from backend.shops.schemas import ServedBrand
from backend.wire import cursor

# The lock that all deeds hold shared which owe a shop something, or take it back.
ALONE = text("SELECT pg_advisory_xact_lock(20313, (CAST(:shop AS bigint) % 2147483647)::int)")

_SUMS = """
    SELECT count(DISTINCT r.sale_id) AS sales,
        coalesce(sum(d.amount) FILTER (WHERE d.kind = 1 AND d.cause <> 9), 0)::bigint AS discounts,
        coalesce(sum(d.amount) FILTER (WHERE d.kind = 2 AND d.cause <> 10), 0)::bigint AS returned,
        coalesce(sum(d.amount) FILTER (WHERE d.cause = 9), 0)::bigint AS certificates,
        coalesce(sum(d.amount) FILTER (WHERE d.cause = 10), 0)::bigint AS certificates_returned,
        coalesce(sum(CASE d.kind WHEN 1 THEN d.amount ELSE -d.amount END), 0)::bigint AS total, max(d.id) AS upto
    FROM dues d LEFT JOIN redemptions r ON d.cause = 4 AND r.id = d.cause_id
"""
SUMS = text(f"{_SUMS} WHERE d.creditor_id = :shop AND d.debtor_id = :brand AND d.id > :after")
# All brands that a shop has ever served; those that it owes or that owe it, and those that it serves now.
OPEN = text(f"""
    SELECT b.id, b.name, coalesce(last.number, 0) + 1 AS number, sums.*
    FROM brand_shops l JOIN brands b ON b.id = l.brand_id
    LEFT JOIN LATERAL (SELECT s.number, s.upto_due FROM statements s
        WHERE s.shop_id = l.shop_id AND s.brand_id = l.brand_id ORDER BY s.number DESC LIMIT 1) AS last ON true
    CROSS JOIN LATERAL ({_SUMS} WHERE d.creditor_id = l.shop_id AND d.debtor_id = l.brand_id
        AND d.id > coalesce(last.upto_due, 0)) AS sums
    WHERE l.shop_id = :shop AND (l.ended_at IS NULL OR sums.upto IS NOT NULL)
    ORDER BY b.name
""")  # noqa: S608 - our own query
CLOSED = text("""
    SELECT s.id AS place, s.number, s.sales, s.discounts, s.returned, s.certificates, s.certificates_returned, s.total,
        s.closed_at, b.id AS brand_id, b.name
    FROM statements s JOIN brands b ON b.id = s.brand_id
    WHERE s.shop_id = :shop AND s.id < :before ORDER BY s.id DESC LIMIT :most
""")
LAST = 2**63 - 1
T = TypeVar("T", bound=msgspec.Struct)


class StatementUnknown(NotFound):
    """There is no closed statement with this number."""


class StatementNotNext(Conflict):
    """Periods are closed one after the other: the next one is number {number}."""


async def get(session: AsyncSession, shop_id: int, brand_id: int, number: int) -> Statement:
    """A closed statement.

    Raises:
        StatementUnknown: there is none, or it is still open.
    """
    mine = Statement.shop_id == shop_id, Statement.brand_id == brand_id, Statement.number == number
    found: Statement | None = await session.scalar(select(Statement).where(*mine))
    if found is None:
        raise StatementUnknown
    return found


async def page(session: AsyncSession, member: Member, shop: Shop, before: int | None, most: int) -> StatementPage:
    """The brand's closed statements with a shop, newest first from a place on, and how the open one stands."""
    mine = Statement.shop_id == shop.id, Statement.brand_id == member.brand_id
    rows = select(Statement).where(*mine, Statement.number < (before or LAST)).order_by(Statement.number.desc())
    found = list(await session.scalars(rows.limit(most + 1)))
    last = await _last(session, shop.id, member.brand_id)
    sums = await _sums(session, shop.id, member.brand_id, last)
    return StatementPage(
        _open(_number(last) + 1, sums),
        [StatementOut.of(row) for row in found[:most]],
        cursor(found[most - 1].number) if len(found) > most else None,
    )


async def close(session: AsyncSession, member: Member, shop: Shop, number: int) -> Statement:
    """Close a period for good; one that is closed already stays as it is.

    Raises:
        StatementNotNext: another one comes before it.
    """
    await session.execute(ALONE, {"shop": shop.id})
    # From here on each statement sees everything that was sold before, and nothing more is sold until the end.
    last = await _last(session, shop.id, member.brand_id)
    if number <= _number(last):
        return await get(session, shop.id, member.brand_id, number)
    if number != _number(last) + 1:
        raise StatementNotNext(number=_number(last) + 1)
    after = last.upto_due if last else 0
    sums = await _sums(session, shop.id, member.brand_id, last)
    made = Statement(
        shop_id=shop.id,
        brand_id=member.brand_id,
        number=number,
        after_due=after,
        upto_due=sums.upto or after,
        sales=sums.sales,
        discounts=sums.discounts,
        returned=sums.returned,
        certificates=sums.certificates,
        certificates_returned=sums.certificates_returned,
        total=sums.total,
        staff_id=member.staff_id,
    )
    session.add(made)
    await session.flush()
    await session.refresh(made)
    audit.note(session, member, "statement.closed", id=made.id, shop_id=shop.id, number=number, total=made.total)
    return made


def _open(number: int, sums: Any) -> StatementOpen:
    return StatementOpen(
        number, sums.sales, sums.discounts, sums.returned, sums.certificates, sums.certificates_returned, sums.total
    )


def _number(last: Statement | None) -> int:
    return last.number if last else 0


async def _last(session: AsyncSession, shop_id: int, brand_id: int) -> Statement | None:
    rows = select(Statement).where(Statement.shop_id == shop_id, Statement.brand_id == brand_id)
    found: Statement | None = await session.scalar(rows.order_by(Statement.number.desc()).limit(1))
    return found


async def _sums(session: AsyncSession, shop_id: int, brand_id: int, last: Statement | None) -> Any:
    after = last.upto_due if last else 0
    return (await session.execute(SUMS, {"shop": shop_id, "brand": brand_id, "after": after})).one()


async def of_shop(db: Database, till: TillAt, before: int | None, most: int) -> TillStatements:
    """A shop's closed statements with all brands, newest first from a place on, and how the open ones stand."""
    open_now = await db.rows(OPEN, shop=till.shop_id)
    closed = await db.rows(CLOSED, shop=till.shop_id, before=before or LAST, most=most + 1)
    return TillStatements(
        [_told(BrandPeriod, row, row.id) for row in open_now],
        [_told(BrandStatement, row, row.brand_id) for row in closed[:most]],
        cursor(closed[most - 1].place) if len(closed) > most else None,
    )


def _told(kind: type[T], row: Any, brand_id: int) -> T:
    names = [name for name in kind.__struct_fields__ if name != "brand"]
    return kind(**{name: getattr(row, name) for name in names}, brand=ServedBrand(brand_id, row.name))
