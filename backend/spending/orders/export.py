"""Accepted orders as a CSV file for the brand's accounting, read page by page while it is sent.

No connection is held while a slow client reads. Amounts are in roubles, or in whole points.
"""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import Invalid
from backend.core.language import Language
from backend.core.tabular.output.table_files import Cell, csv_file
from backend.identity.brands.authentication import Member, brand_transaction
from backend.spending.reward_kinds import RewardKind

PAGE_ROWS = 500
# The English names are released: programs read the columns by them. A Russian file has Russian names.
HEADERS: dict[Language, tuple[str, ...]] = {
    "en": ("order", "card", "offer", "invoice", "nominal", "price", "currency", "accepted_at", "defers_days"),
    "ru": ("Заказ", "Номер карты", "Предложение", "Счёт", "Номинал", "Цена", "Валюта", "Принят", "Отсрочка, дней"),
}
# Days are in the programme's time zone.
ORDER_ROWS = text("""
    SELECT o.id, a.card_number, f.key AS offer, o.reference, o.nominal, o.price, o.defers_days, g.currency,
        o.done_at AT TIME ZONE g.timezone AS accepted_at
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    JOIN accounts a ON a.id = o.account_id
    WHERE o.brand_id = :brand AND o.id > :after AND o.state = 'done'
        AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)
        AND (o.done_at AT TIME ZONE g.timezone)::date BETWEEN :first AND :last
    ORDER BY o.id LIMIT :most
""")


class ExportPeriodInvalid(Invalid):
    """A period cannot end before it begins."""

    code = "period_unfit"


class OrderExportFilter(NamedTuple):
    """Orders accepted between two days, both included, of one kind or of all."""

    first: date
    last: date
    kind: RewardKind | None = None


def order_csv(db: Database, member: Member, filters: OrderExportFilter, language: Language) -> AsyncIterator[bytes]:
    """The CSV in pieces.

    Raises:
        ExportPeriodInvalid: the last day is before the first.
    """
    if filters.last < filters.first:
        raise ExportPeriodInvalid
    return _csv_pieces(db, member, filters, language)


async def _csv_pieces(
    db: Database, member: Member, filters: OrderExportFilter, language: Language
) -> AsyncIterator[bytes]:
    out = csv_file(language)
    yield out.rows([HEADERS[language]])
    values = filters._asdict() | {"brand": member.brand_id, "most": PAGE_ROWS}
    after = 0
    while True:
        async with brand_transaction(db, member) as session:
            rows = (await session.execute(ORDER_ROWS, values | {"after": after})).all()
        if not rows:
            return
        after = rows[-1].id
        yield out.rows(map(_cells, rows))


def _cells(row: Any) -> list[Cell]:
    price = Decimal(row.price) / 100 if row.currency == "RUB" else row.price
    # A deferral deducts nothing from the invoice.
    face_value = "" if row.defers_days else Decimal(row.nominal) / 100
    accepted = row.accepted_at.isoformat(timespec="seconds")
    return [
        row.id,
        row.card_number or "",
        row.offer,
        row.reference,
        face_value,
        price,
        row.currency,
        accepted,
        row.defers_days or "",
    ]
