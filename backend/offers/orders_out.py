"""Orders that were accepted as a file for the brand's own books, read page by page while it is sent.

No connection is held while a slow reader takes his time. Amounts are in roubles, or in whole points.
"""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import text

from backend.brands.door import Member, transaction
from backend.database import Database
from backend.errors import Invalid
from backend.offers.models import Kind
from backend.programmes.files_out import Cell, CsvFile

PAGE = 500
HEADERS = ("order", "card", "offer", "invoice", "nominal", "price", "currency", "accepted_at", "defers_days")
# Days are those of the programme.
ROWS = text("""
    SELECT o.id, a.card_number, f.key AS offer, o.reference, o.nominal, o.price, o.defers_days, g.currency,
        o.done_at AT TIME ZONE g.timezone AS accepted_at
    FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
    JOIN accounts a ON a.id = o.account_id
    WHERE o.brand_id = :brand AND o.id > :after AND o.state = 'done'
        AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)
        AND (o.done_at AT TIME ZONE g.timezone)::date BETWEEN :first AND :last
    ORDER BY o.id LIMIT :most
""")


class PeriodUnfit(Invalid):
    """A period does not end before it begins."""


class Wanted(NamedTuple):
    """Which orders: accepted from one day to another, both included, of one kind or of all."""

    first: date
    last: date
    kind: Kind | None = None


def file(db: Database, member: Member, wanted: Wanted) -> AsyncIterator[bytes]:
    """The CSV in pieces.

    Raises:
        PeriodUnfit: as it says; nothing was read.
    """
    if wanted.last < wanted.first:
        raise PeriodUnfit
    return _pieces(db, member, wanted)


async def _pieces(db: Database, member: Member, wanted: Wanted) -> AsyncIterator[bytes]:
    out = CsvFile(separator=",", point=".")
    yield out.rows([HEADERS])
    values = wanted._asdict() | {"brand": member.brand_id, "most": PAGE}
    after = 0
    while True:
        async with transaction(db, member) as session:
            rows = (await session.execute(ROWS, values | {"after": after})).all()
        if not rows:
            return
        after = rows[-1].id
        yield out.rows(map(_cells, rows))


def _cells(row: Any) -> list[Cell]:
    price = Decimal(row.price) / 100 if row.currency == "RUB" else row.price
    # What a deferral is worth is nothing that anybody takes off the invoice.
    nominal = "" if row.defers_days else Decimal(row.nominal) / 100
    accepted = row.accepted_at.isoformat(timespec="seconds")
    of = [row.id, row.card_number or "", row.offer, row.reference]
    return [*of, nominal, price, row.currency, accepted, row.defers_days or ""]
