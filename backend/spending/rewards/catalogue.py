"""The catalogue for agents: available rewards, prices of the day, and what the caller's wallets cover."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.language import localized
from backend.spending.rewards import prices
from backend.spending.schemas import RewardOut

OFFER_PAGE = text("""
    SELECT * FROM (SELECT f.id, f.kind, f.name_ru, f.name_en, f.about_ru, f.about_en, f.partner, f.shelf, f.least,
            f.most, f.step, f.price, f.rung, f.places, f.ends_at, f.extends_months, f.defers_days,
            f.programme_id, g.currency,
            f.stock IS DISTINCT FROM 0 AND (f.fulfilment <> 'stock' OR EXISTS (
                SELECT FROM stock_codes s WHERE s.offer_id = f.id AND s.order_id IS NULL)) AS in_stock,
            coalesce((SELECT w.available FROM wallets w WHERE w.owner_id = :account AND w.book_id = f.programme_id), 0)
                AS available,
            f.archived_at IS NULL AND f.starts_at <= :now AND (f.ends_at IS NULL OR f.ends_at > :now) AS on_offer
        FROM offers f JOIN programmes g ON g.id = f.programme_id) AS f
    WHERE f.on_offer AND f.id > :after
        AND (CAST(:kind AS text) IS NULL OR f.kind = :kind) AND (CAST(:shelf AS text) IS NULL OR f.shelf = :shelf)
        AND (CAST(:programme AS bigint) IS NULL OR f.programme_id = :programme)
    ORDER BY f.id LIMIT :most
""")


class OfferFilter(NamedTuple):
    """Filters of offers; None is any."""

    kind: str | None = None
    shelf: str | None = None
    programme: int | None = None


async def offer_page(
    db: Database, account_id: int, now: datetime, filters: OfferFilter, *, after: int, most: int
) -> list[tuple[RewardOut, int]]:
    """Offers after an id, each with its id."""
    rows = await db.rows(OFFER_PAGE, account=account_id, now=now, after=after, most=most, **filters._asdict())
    rates = await prices.rates_by_programme(db, {row.programme_id for row in rows}, now)
    return [(offer_out(row, rates.get(row.programme_id)), row.id) for row in rows]


def offer_out(row: Any, per_rouble: int | None) -> RewardOut:
    """An offer in its wire format."""
    return RewardOut(
        row.id,
        row.kind,
        localized(row),
        row.programme_id,
        row.currency,
        row.least,
        row.most,
        row.step,
        price=prices.price_of(row, row.least, per_rouble),
        about=localized(row, "about"),
        partner=row.partner,
        shelf=row.shelf,
        available=row.in_stock,
        affordable=prices.largest_affordable(row, row.available, per_rouble),
        rung=row.rung,
        places=list(row.places),
        ends_at=row.ends_at,
        extends_months=row.extends_months,
        defers_days=row.defers_days,
    )
