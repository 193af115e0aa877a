"""A brand's accounts for a period: what moved, what is owed to agents, partners and shops. None of it is advice."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import ONE_BRAND, Member
from backend.database import Database
from backend.errors import Invalid
from backend.offers.tax import YEAR_ZONE
from payouts import accounts
from payouts.models import Kind, Place

PROGRAMMES = text("SELECT id, key, name, currency FROM programmes WHERE brand_id = :brand ORDER BY id")
SHOPS = text("SELECT id, number, name FROM shops WHERE id = ANY(:shops)")
# What was settled, by whom it was bought from. Whatever is settled for another cause than an order shows, too.
PAYABLES = text("""
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
# Own certificates in kopecks; a discount is a promise and no money, so it is not among them.
CERTIFICATES = text("""
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


class PeriodInvalid(Invalid):
    """A period ends on the day on which it begins or later, and not after today."""


class Period(msgspec.Struct, frozen=True):
    """Days from one to another, both included, by the payer's clock."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return _midnight(self.first)

    @property
    def upto(self) -> datetime:
        """The first moment after it."""
        return _midnight(self.last + timedelta(days=1))

    def check(self, now: datetime) -> "Period":
        """The period, if it can be told.

        Raises:
            PeriodInvalid: it ends before it begins, or after today.
        """
        if not self.first <= self.last <= now.astimezone(YEAR_ZONE).date():
            raise PeriodInvalid
        return self


class Standing(msgspec.Struct, frozen=True):
    """What stood at a place when the period began, what came, what went, and what stands when it has ended."""

    opening: int
    came: int
    went: int

    @property
    def closing(self) -> int:
        """Opening and movements."""
        return self.opening + self.came - self.went


class Books(msgspec.Struct, frozen=True):
    """A programme's figures in its minor units."""

    programme: Any
    kinds: dict[Kind, tuple[int, int]]  # how often, how much
    places: dict[Place, Standing]
    outstanding: list[Any]
    payables: list[Any]

    @property
    def debts(self) -> int:
        """What agents owe who had more taken back than they had."""
        in_lots: int = sum(row.available for row in self.outstanding)
        return in_lots - self.places[Place.AVAILABLE].closing


class Accounts(msgspec.Struct, frozen=True):
    """A brand's figures for a period."""

    period: Period
    books: list[Books]
    dues: list[tuple[Any, Any]]  # a shop and what is owed to it
    certificates: Any


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=YEAR_ZONE)


@asynccontextmanager
async def snapshot(db: Database, member: Member) -> AsyncIterator[AsyncSession]:
    """A transaction in which all figures are of one moment, and which sees one brand."""
    async with db.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        await session.execute(ONE_BRAND, {"brand": str(member.brand_id)})
        yield session


async def of_period(db: Database, member: Member, period: Period) -> Accounts:
    """The brand's accounts; what is still being written with an earlier time may add to a day that is not over."""
    of = {"since": period.since, "upto": period.upto}
    async with snapshot(db, member) as session:
        programmes = await _rows(session, PROGRAMMES, brand=member.brand_id)
        of_books = of | {"books": [row.id for row in programmes]}
        turnover = await _rows(session, accounts.TURNOVER, **of_books)
        outstanding = await _rows(session, accounts.OUTSTANDING, upto=period.upto, books=of_books["books"])
        payables = await _rows(session, PAYABLES, **of_books)
        dues = await _rows(session, accounts.DUES, debtor=member.brand_id, **of)
        shops = {row.id: row for row in await _rows(session, SHOPS, shops=[row.creditor_id for row in dues])}
        (certificates,) = await _rows(
            session, CERTIFICATES, brand=member.brand_id, day=period.last + timedelta(days=1), **of
        )
    books = [
        Books(one, _kinds(mine), _places(mine), _of(outstanding, one.id), _of(payables, one.id))
        for one in programmes
        for mine in [_of(turnover, one.id)]
    ]
    return Accounts(period, books, [(shops[row.creditor_id], row) for row in dues], certificates)


async def _rows(session: AsyncSession, query: Any, **values: Any) -> list[Any]:
    return list((await session.execute(query, values)).all())


def _of(rows: Iterable[Any], book: int) -> list[Any]:
    return [row for row in rows if row.book_id == book]


def _kinds(turnover: list[Any]) -> dict[Kind, tuple[int, int]]:
    found = dict.fromkeys(Kind, (0, 0))
    for row in turnover:
        times, amount = found[Kind(row.kind)]
        found[Kind(row.kind)] = (times + row.times, amount + row.amount)
    return found


def _places(turnover: list[Any]) -> dict[Place, Standing]:
    return {place: _standing(turnover, place) for place in Place}


def _standing(turnover: list[Any], place: Place) -> Standing:
    to = [row for row in turnover if row.to_place == place]
    out = [row for row in turnover if row.from_place == place]
    return Standing(
        opening=sum(row.before for row in to) - sum(row.before for row in out),
        came=sum(row.amount for row in to),
        went=sum(row.amount for row in out),
    )
