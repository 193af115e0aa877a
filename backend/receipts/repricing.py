"""What lines that waited would pay by the rules of now, as the deeds of reviewers take them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.programmes.awards import Award
from backend.programmes.offers import Books
from backend.receipts import pricing
from backend.receipts.catalogues import Goods
from backend.receipts.pricing import Wanted

# The programmes of a brand whose campaigns pay for receipts now.
PAYERS = text("""
    SELECT DISTINCT c.programme_id FROM campaigns c
    JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE c.brand_id = :brand AND c.state = 'active' AND v.rule -> 'ways' ? 'receipt' ORDER BY 1
""")
PAID = text("""
    SELECT l.receipt_id, l.n, l.name, l.quantity, l.sum, l.product_id FROM receipt_lines l
    WHERE l.brand_id = :brand AND l.receipt_id = ANY(:receipts) AND l.state = 'paid' ORDER BY l.receipt_id, l.n
""")
LOOK_AGAIN = ("SB010", "SB011")
ATTEMPTS = 5


class WaitingLine(msgspec.Struct, frozen=True):
    """A line that waits for a person, and what it is of."""

    id: int
    receipt_id: int
    sent_at: datetime
    n: int
    name: str
    quantity: Decimal
    sum: int
    product_id: int


class Priced(Award):
    """A line with what the rules give for it; `state` refused where they give nothing."""

    line: int
    product: int | None
    state: str
    reason: str | None = None


async def payer(db: Database, brand_id: int) -> Goods:
    """A brand with the programmes that pay for its receipts; without its catalogue."""
    rows = await db.rows(PAYERS, brand=brand_id)
    return Goods(brand_id, tuple(row.programme_id for row in rows), None)


async def reprice(
    db: Database, books: Books, brand_id: int, lines: Sequence[WaitingLine], now: datetime
) -> tuple[list[Priced], set[int]]:
    """The lines with what the rules give for each, and the programmes that were asked.

    What a receipt has paid for already counts against the limit of units on it.
    """
    goods = await payer(db, brand_id)
    by_receipt: dict[int, list[WaitingLine]] = {}
    for line in lines:
        by_receipt.setdefault(line.receipt_id, []).append(line)
    paid: dict[int, list[Any]] = {}
    for row in await db.rows(PAID, brand=brand_id, receipts=list(by_receipt)):
        paid.setdefault(row.receipt_id, []).append(row)
    made: list[Priced] = []
    programmes: set[int] = set()
    for receipt, waiting in by_receipt.items():
        wanted = [_wanted(brand_id, row) for row in (*paid.get(receipt, ()), *waiting)]
        priced, asked = await pricing.price(db, books, [goods], wanted, waiting[0].sent_at, now)
        made += map(_priced, waiting, priced[-len(waiting) :])
        programmes |= asked
    return made, programmes


def refused(lines: Iterable[int], reason: str) -> list[Priced]:
    """Lines that a person refuses."""
    return [Priced(line, None, "refused", reason) for line in lines]


def written(value: object) -> str:
    """As the deeds in SQL take it."""
    return msgspec.json.encode(value).decode()


def _wanted(brand_id: int, row: Any) -> Wanted:
    return Wanted(brand=brand_id, n=row.n, name=row.name, quantity=row.quantity, sum=row.sum, product=row.product_id)


def _priced(line: WaitingLine, found: Wanted) -> Priced:
    names = [name for name in Priced.__struct_fields__ if name != "line"]
    return Priced(line.id, **{name: getattr(found, name) for name in names})
