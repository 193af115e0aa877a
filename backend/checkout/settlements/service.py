"""Settlement: what a brand owes a shop, by period.

A period is closed until now, or through a past day. It contains everything that happened by then (by the end of that
day in the shop's time zone) and is in no earlier period. Sales and returns hold the shop's lock shared until commit,
and closing takes it exclusively. So no payable is in flight while a period closes, and each later payable has a higher
id: it belongs to the next period, even for an offline sale that was made long before.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.models import Statement
from backend.checkout.settlements.schemas import (
    BrandOpenStatement,
    BrandSettlementStatement,
    OpenStatement,
    SettlementStatementOut,
    SettlementStatementPage,
    TillStatementPage,
)
from backend.core.db.database import Database
from backend.core.db.locks import lock_shop
from backend.core.http.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.core.http.pagination import encode_cursor
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.shops.authentication import TillIdentity
from backend.shops.models import Shop
from backend.shops.schemas import ServedBrand

_SUMS = """
    SELECT count(DISTINCT r.sale_id) AS sales,
        coalesce(sum(d.amount) FILTER (WHERE d.kind = 1 AND d.cause <> 9), 0)::bigint AS discounts,
        coalesce(sum(d.amount) FILTER (WHERE d.kind = 2 AND d.cause <> 10), 0)::bigint AS returned,
        coalesce(sum(d.amount) FILTER (WHERE d.cause = 9), 0)::bigint AS certificates,
        coalesce(sum(d.amount) FILTER (WHERE d.cause = 10), 0)::bigint AS certificates_returned,
        coalesce(sum(CASE d.kind WHEN 1 THEN d.amount ELSE -d.amount END), 0)::bigint AS total
"""
_HAPPENED = "checkout_happened(d, s.taken_at)"
# What no closed statement contains: see checkout_statement_dues.
_OPEN = f"""
    FROM dues d LEFT JOIN redemptions r ON d.cause = 4 AND r.id = d.cause_id LEFT JOIN sales s ON s.id = r.sale_id
    WHERE d.creditor_id = :shop AND d.debtor_id = :brand AND d.id > :settled
        AND NOT (d.id <= :upto AND (CAST(:before AS timestamptz) IS NULL OR {_HAPPENED} < :before))
"""
PERIOD_SUMS = text(f"{_SUMS} {_OPEN} AND (CAST(:until AS timestamptz) IS NULL OR {_HAPPENED} < :until)")
# The last payable, and the first one that stays open.
PERIOD_ENDS = text(f"""
    SELECT max(d.id) AS upto, min(d.id) FILTER (WHERE {_HAPPENED} >= CAST(:until AS timestamptz)) AS left {_OPEN}
""")
# Of all brands that the shop has ever served: those with open payables, and those that it serves now.
OPEN_PERIODS = text(f"""
    SELECT b.id, b.name, coalesce(last.number, 0) + 1 AS number, sums.*
    FROM brand_shops l JOIN brands b ON b.id = l.brand_id
    LEFT JOIN LATERAL (SELECT s.number, s.upto_due, s.until, coalesce(s.settled_due, s.upto_due) AS settled
        FROM statements s
        WHERE s.shop_id = l.shop_id AND s.brand_id = l.brand_id ORDER BY s.number DESC LIMIT 1) AS last ON true
    CROSS JOIN LATERAL ({_SUMS}, max(d.id) AS upto
        FROM dues d LEFT JOIN redemptions r ON d.cause = 4 AND r.id = d.cause_id LEFT JOIN sales s ON s.id = r.sale_id
        WHERE d.creditor_id = l.shop_id AND d.debtor_id = l.brand_id AND d.id > coalesce(last.settled, 0)
            AND NOT coalesce(d.id <= last.upto_due AND (last.until IS NULL OR {_HAPPENED} < last.until), false)) AS sums
    WHERE l.shop_id = :shop AND (l.ended_at IS NULL AND NOT l.pending OR sums.upto IS NOT NULL)
    ORDER BY b.name
""")  # noqa: S608 - our own query
CLOSED_PERIODS = text("""
    SELECT s.id AS place, s.number, s.sales, s.discounts, s.returned, s.certificates, s.certificates_returned, s.total,
        s.closed_at, s.through, b.id AS brand_id, b.name
    FROM statements s JOIN brands b ON b.id = s.brand_id
    WHERE s.shop_id = :shop AND s.id < :before ORDER BY s.id DESC LIMIT :most
""")
MAX_ID = 2**63 - 1
T = TypeVar("T", bound=msgspec.Struct)


class Period(NamedTuple):
    """The end of a period: now, or the end of the day `through`, which is `until`."""

    through: date | None
    until: datetime | None


class StatementUnknown(NotFound):
    """There is no closed statement with this number."""

    code = "statement_unknown"


class StatementPeriodInvalid(Invalid):
    """A period is closed through a day that is over in the shop's time zone, and not before the period before ends."""

    code = "statement_period_invalid"


class StatementNotNext(Conflict):
    """Periods are closed one after the other: the next one is number {number}."""

    code = "statement_not_next"


async def get_statement(session: AsyncSession, shop_id: int, brand_id: int, number: int) -> Statement:
    """A closed statement.

    Raises:
        StatementUnknown: there is none, or it is still open.
    """
    mine = Statement.shop_id == shop_id, Statement.brand_id == brand_id, Statement.number == number
    found: Statement | None = await session.scalar(select(Statement).where(*mine))
    if found is None:
        raise StatementUnknown
    return found


async def statement_page(
    session: AsyncSession, member: Member, shop: Shop, before: int | None, most: int
) -> SettlementStatementPage:
    """A page of the brand's closed statements with a shop, newest first, and the open period so far."""
    mine = Statement.shop_id == shop.id, Statement.brand_id == member.brand_id
    rows = select(Statement).where(*mine, Statement.number < (before or MAX_ID)).order_by(Statement.number.desc())
    found = list(await session.scalars(rows.limit(most + 1)))
    last = await _last_statement(session, shop.id, member.brand_id)
    sums = await _period_sums(session, shop.id, member.brand_id, last)
    return SettlementStatementPage(
        _open_period(_number_of(last) + 1, sums),
        [SettlementStatementOut.of(row) for row in found[:most]],
        encode_cursor(found[most - 1].number) if len(found) > most else None,
    )


async def close_period(
    session: AsyncSession, member: Member, shop: Shop, number: int, through: date | None, now: datetime
) -> Statement:
    """Close a period until now or through a day. This is final; a closed period stays as it is.

    Raises:
        StatementNotNext: another one comes before it. StatementPeriodInvalid: the day is not over, or its end is before
            that of the last period. BodyChanged: it was closed through another day.
    """
    await lock_shop(session, shop.id)
    # Under this lock each query sees all earlier sales, and no other sale commits before the end of this transaction.
    last = await _last_statement(session, shop.id, member.brand_id)
    if number <= _number_of(last):
        found = await get_statement(session, shop.id, member.brand_id, number)
        if through not in (None, found.through):
            raise BodyChanged
        return found
    if number != _number_of(last) + 1:
        raise StatementNotNext(number=_number_of(last) + 1)
    statement = await _create_statement(session, member, shop, last, _next_period(shop, last, through, now))
    fields = {"id": statement.id, "shop_id": shop.id, "number": number, "total": statement.total}
    audit_log.record(session, member, "statement.closed", **fields, through=through and through.isoformat())
    return statement


def _next_period(shop: Shop, last: Statement | None, through: date | None, now: datetime) -> Period:
    """The period after the last statement.

    Raises:
        StatementPeriodInvalid: see `close`.
    """
    until = None if through is None else _end_of_day(through, shop.timezone)
    if until and (until > now or (last and until < (last.until or last.closed_at))):
        raise StatementPeriodInvalid
    return Period(through, until)


async def _create_statement(
    session: AsyncSession, member: Member, shop: Shop, last: Statement | None, period: Period
) -> Statement:
    sums = await _period_sums(session, shop.id, member.brand_id, last, period.until)
    ends = (await session.execute(PERIOD_ENDS, _period_parameters(shop.id, member.brand_id, last, period.until))).one()
    after = last.upto_due if last else 0
    upto = max(after, ends.upto or 0)
    statement = Statement(
        shop_id=shop.id,
        brand_id=member.brand_id,
        number=_number_of(last) + 1,
        after_due=after,
        upto_due=upto,
        through=period.through,
        until=period.until,
        settled_due=upto if ends.left is None else ends.left - 1,
        sales=sums.sales,
        discounts=sums.discounts,
        returned=sums.returned,
        certificates=sums.certificates,
        certificates_returned=sums.certificates_returned,
        total=sums.total,
        staff_id=member.staff_id,
    )
    session.add(statement)
    await session.flush()
    await session.refresh(statement)
    return statement


def _end_of_day(through: date, zone: str) -> datetime:
    """The end of a day in a time zone."""
    return datetime.combine(through + timedelta(days=1), time(), ZoneInfo(zone))


def _period_parameters(shop_id: int, brand_id: int, last: Statement | None, until: datetime | None) -> dict[str, Any]:
    """Parameters of the queries for the payables after a statement."""
    settled, upto = (last.upto_due if last.settled_due is None else last.settled_due, last.upto_due) if last else (0, 0)
    before = last.until if last else None
    return {"shop": shop_id, "brand": brand_id, "settled": settled, "upto": upto, "before": before, "until": until}


def _open_period(number: int, sums: Any) -> OpenStatement:
    return OpenStatement(
        number, sums.sales, sums.discounts, sums.returned, sums.certificates, sums.certificates_returned, sums.total
    )


def _number_of(last: Statement | None) -> int:
    return last.number if last else 0


async def _last_statement(session: AsyncSession, shop_id: int, brand_id: int) -> Statement | None:
    rows = select(Statement).where(Statement.shop_id == shop_id, Statement.brand_id == brand_id)
    found: Statement | None = await session.scalar(rows.order_by(Statement.number.desc()).limit(1))
    return found


async def _period_sums(
    session: AsyncSession, shop_id: int, brand_id: int, last: Statement | None, until: datetime | None = None
) -> Any:
    return (await session.execute(PERIOD_SUMS, _period_parameters(shop_id, brand_id, last, until))).one()


async def till_statements(db: Database, till: TillIdentity, before: int | None, most: int) -> TillStatementPage:
    """A page of a shop's closed statements with all brands, newest first, and the open periods so far."""
    open_now = await db.rows(OPEN_PERIODS, shop=till.shop_id)
    closed = await db.rows(CLOSED_PERIODS, shop=till.shop_id, before=before or MAX_ID, most=most + 1)
    return TillStatementPage(
        [_row_response(BrandOpenStatement, row, row.id) for row in open_now],
        [_row_response(BrandSettlementStatement, row, row.brand_id) for row in closed[:most]],
        encode_cursor(closed[most - 1].place) if len(closed) > most else None,
    )


def _row_response(kind: type[T], row: Any, brand_id: int) -> T:
    names = [name for name in kind.__struct_fields__ if name != "brand"]
    return kind(**{name: getattr(row, name) for name in names}, brand=ServedBrand(brand_id, row.name))
