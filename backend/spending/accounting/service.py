"""A brand's accounts of a period: movements, and payables to agents, partners and shops. None of it is advice."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import TypeVar

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Invalid
from backend.identity.brands.authentication import SET_BRAND, Member
from backend.spending.accounting.figures import (
    GiftCardTotals,
    OutstandingMonth,
    ProgrammeName,
    ShopName,
    ShopPayable,
    SupplierPayable,
    Turnover,
)
from backend.spending.accounting.tax import YEAR_ZONE
from payouts import accounting_queries
from payouts.models import MovementKind, Place

Figure = TypeVar("Figure")
BookFigure = TypeVar("BookFigure", Turnover, OutstandingMonth, SupplierPayable)

PROGRAMMES = text("SELECT id, key, name, currency FROM programmes WHERE brand_id = :brand ORDER BY id")
SHOPS = text("SELECT id, number, name FROM shops WHERE id = ANY(:shops)")
# Settled amounts by supplier. Settlements of another cause than an order are listed as well.
SUPPLIER_PAYABLES = text("""
    SELECT w.book_id, CASE WHEN o.id IS NULL THEN 'cause ' || m.cause
            ELSE coalesce(o.supplier_name, f.fulfilment) END AS supplier, coalesce(f.partner, '') AS partner,
        count(*) FILTER (WHERE m.at >= :since) AS orders,
        coalesce(sum(m.amount) FILTER (WHERE m.at >= :since), 0)::bigint AS amount,
        coalesce(sum(o.nominal) FILTER (WHERE m.at >= :since), 0)::bigint AS nominal,
        coalesce(sum(m.amount) FILTER (WHERE m.at < :since), 0)::bigint AS before
    FROM movements m JOIN wallets w ON w.id = m.wallet_id
    LEFT JOIN orders o ON m.cause = 8 AND o.id = m.cause_id LEFT JOIN offers f ON f.id = o.offer_id
    WHERE m.kind = 4 AND w.book_id = ANY(:books) AND m.at < :upto GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")
# Gift cards in kopecks; discounts are not money and are left out.
GIFT_CARD_TOTALS = text("""
    SELECT coalesce(sum(c.nominal) FILTER (WHERE o.done_at >= :since), 0)::bigint AS issued,
        coalesce(sum(u.taken), 0)::bigint AS taken, coalesce(sum(u.given), 0)::bigint AS given,
        coalesce(sum(c.nominal - u.net), 0)::bigint AS outstanding,
        coalesce(sum(c.nominal - u.net) FILTER (WHERE c.valid_until < :day), 0)::bigint AS lapsed
    FROM certificates c JOIN orders o ON o.id = c.order_id CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 1 AND at >= :since), 0) AS taken,
            coalesce(sum(amount) FILTER (WHERE kind = 2 AND at >= :since), 0) AS given,
            coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0) AS net
        FROM certificate_uses WHERE certificate_id = c.id AND at < :upto) u
    WHERE c.brand_id = :brand AND NOT c.single AND o.done_at < :upto
""")


class AccountingPeriodInvalid(Invalid):
    """A period ends on the day on which it begins or later, and not after today."""

    code = "period_invalid"


class Period(msgspec.Struct, frozen=True):
    """Days in the payer's time zone, both included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return _day_start(self.first)

    @property
    def upto(self) -> datetime:
        """The first moment after it."""
        return _day_start(self.last + timedelta(days=1))

    def check(self, now: datetime) -> "Period":
        """Return the period if it is valid.

        Raises:
            PeriodInvalid: it ends before it begins, or after today.
        """
        if not self.first <= self.last <= now.astimezone(YEAR_ZONE).date():
            raise AccountingPeriodInvalid
        return self


class PlaceBalance(msgspec.Struct, frozen=True):
    """Opening balance, income, outgo and closing balance of a place in a period."""

    opening: int
    came: int
    went: int

    @property
    def closing(self) -> int:
        """Opening and movements."""
        return self.opening + self.came - self.went


class ProgrammeBooks(msgspec.Struct, frozen=True):
    """A programme's figures in its minor units."""

    programme: ProgrammeName
    kinds: dict[MovementKind, tuple[int, int]]  # how often, how much
    places: dict[Place, PlaceBalance]
    outstanding: list[OutstandingMonth]
    payables: list[SupplierPayable]

    @property
    def debts(self) -> int:
        """Debts of agents from whom more was clawed back than they had."""
        in_lots = sum(row.available for row in self.outstanding)
        return in_lots - self.places[Place.AVAILABLE].closing


class BrandAccounts(msgspec.Struct, frozen=True):
    """A brand's figures for a period."""

    period: Period
    books: list[ProgrammeBooks]
    shop_payables: list[tuple[ShopName, ShopPayable]]
    gift_cards: GiftCardTotals


def _day_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=YEAR_ZONE)


@asynccontextmanager
async def snapshot(db: Database, member: Member) -> AsyncIterator[AsyncSession]:
    """A transaction with one snapshot for all figures, restricted to one brand."""
    async with db.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        await session.execute(SET_BRAND, {"brand": str(member.brand_id)})
        yield session


async def period_accounts(db: Database, member: Member, period: Period) -> BrandAccounts:
    """The brand's accounts; a transaction that has not committed yet may still add to today."""
    bounds = {"since": period.since, "upto": period.upto}
    async with snapshot(db, member) as session:
        programmes = await _fetch_rows(session, ProgrammeName, PROGRAMMES, brand=member.brand_id)
        of_books = bounds | {"books": [row.id for row in programmes]}
        turnover = await _fetch_rows(session, Turnover, accounting_queries.TURNOVER, **of_books)
        outstanding = await _fetch_rows(
            session, OutstandingMonth, accounting_queries.OUTSTANDING, upto=period.upto, books=of_books["books"]
        )
        payables = await _fetch_rows(session, SupplierPayable, SUPPLIER_PAYABLES, **of_books)
        shop_payables = await _fetch_rows(
            session, ShopPayable, accounting_queries.PAYABLES, debtor=member.brand_id, **bounds
        )
        shop_ids = [row.creditor_id for row in shop_payables]
        shops = {row.id: row for row in await _fetch_rows(session, ShopName, SHOPS, shops=shop_ids)}
        (gift_cards,) = await _fetch_rows(
            session,
            GiftCardTotals,
            GIFT_CARD_TOTALS,
            brand=member.brand_id,
            day=period.last + timedelta(days=1),
            **bounds,
        )
    books = [
        ProgrammeBooks(
            programme,
            _kind_totals(own),
            _place_balances(own),
            _of_book(outstanding, programme.id),
            _of_book(payables, programme.id),
        )
        for programme in programmes
        for own in [_of_book(turnover, programme.id)]
    ]
    return BrandAccounts(period, books, [(shops[row.creditor_id], row) for row in shop_payables], gift_cards)


async def _fetch_rows(
    session: AsyncSession, kind: Callable[..., Figure], query: TextClause, **values: object
) -> list[Figure]:
    return [kind(*row) for row in (await session.execute(query, values)).all()]


def _of_book(rows: Iterable[BookFigure], book: int) -> list[BookFigure]:
    return [row for row in rows if row.book_id == book]


def _kind_totals(turnover: list[Turnover]) -> dict[MovementKind, tuple[int, int]]:
    totals = dict.fromkeys(MovementKind, (0, 0))
    for row in turnover:
        times, amount = totals[MovementKind(row.kind)]
        totals[MovementKind(row.kind)] = (times + row.times, amount + row.amount)
    return totals


def _place_balances(turnover: list[Turnover]) -> dict[Place, PlaceBalance]:
    return {place: _place_balance(turnover, place) for place in Place}


def _place_balance(turnover: list[Turnover], place: Place) -> PlaceBalance:
    into = [row for row in turnover if row.to_place == place]
    out = [row for row in turnover if row.from_place == place]
    return PlaceBalance(
        opening=sum(row.before for row in into) - sum(row.before for row in out),
        came=sum(row.amount for row in into),
        went=sum(row.amount for row in out),
    )
