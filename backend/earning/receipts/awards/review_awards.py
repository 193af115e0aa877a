"""Awards by the current rules for lines in review."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.receipts.awards import pricing
from backend.earning.receipts.awards.pricing import ReceiptAge, SettlementLine
from backend.earning.receipts.catalogues import BrandCatalogue
from backend.programmes.rules.awards import Award
from backend.programmes.rules.rule_cache import RuleCache

# The programmes of a brand whose campaigns pay for receipts now.
PAYING_PROGRAMMES = text("""
    SELECT DISTINCT c.programme_id FROM campaigns c
    JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE c.brand_id = :brand AND c.state = 'active' AND v.rule -> 'ways' ? 'receipt' ORDER BY 1
""")
PAID_LINES = text("""
    SELECT l.receipt_id, l.n, l.name, l.quantity, l.sum, l.product_id FROM receipt_lines l
    WHERE l.brand_id = :brand AND l.receipt_id = ANY(:receipts) AND l.state = 'paid' ORDER BY l.receipt_id, l.n
""")
ATTEMPTS = 5


class WaitingLine(msgspec.Struct, frozen=True):
    """A line in review, with the time and age of its receipt."""

    id: int
    receipt_id: int
    sent_at: datetime
    n: int
    name: str
    quantity: Decimal
    sum: int
    product_id: int
    bought_at: datetime | None


class RepricedLine(Award):
    """A line with its award; `state` is refused if there is none."""

    line: int
    product: int | None
    state: str
    reason: str | None = None


async def load_payer(db: Database, brand_id: int) -> BrandCatalogue:
    """A brand with the programmes that pay for its receipts, without its catalogue."""
    rows = await db.rows(PAYING_PROGRAMMES, brand=brand_id)
    return BrandCatalogue(brand_id, tuple(row.programme_id for row in rows), None)


async def reprice_lines(
    db: Database, rule_cache: RuleCache, brand_id: int, lines: Sequence[WaitingLine], now: datetime, age_hours: int
) -> tuple[list[RepricedLine], set[int]]:
    """The lines with their awards, and the ids of the programmes whose rules were used.

    Units that a receipt has already paid for count against its limit. `age_hours`: the maximum age of a receipt for
    campaigns without one of their own.
    """
    goods = await load_payer(db, brand_id)
    by_receipt: dict[int, list[WaitingLine]] = {}
    for line in lines:
        by_receipt.setdefault(line.receipt_id, []).append(line)
    paid: dict[int, list[Any]] = {}
    for row in await db.rows(PAID_LINES, brand=brand_id, receipts=list(by_receipt)):
        paid.setdefault(row.receipt_id, []).append(row)
    repriced: list[RepricedLine] = []
    programmes: set[int] = set()
    for receipt, waiting in by_receipt.items():
        settlement_lines = [_settlement_line(brand_id, row) for row in (*paid.get(receipt, ()), *waiting)]
        age = ReceiptAge.of(waiting[0].bought_at, waiting[0].sent_at, age_hours)
        priced, used = await pricing.price_lines(
            db, rule_cache, [goods], settlement_lines, waiting[0].sent_at, now, age
        )
        repriced += map(_repriced_line, waiting, priced[-len(waiting) :])
        programmes |= used
    return repriced, programmes


def refuse_lines(lines: Iterable[int], reason: str) -> list[RepricedLine]:
    """Lines that a reviewer refuses."""
    return [RepricedLine(line, None, "refused", reason) for line in lines]


def _settlement_line(brand_id: int, row: Any) -> SettlementLine:
    return SettlementLine(
        brand=brand_id, n=row.n, name=row.name, quantity=row.quantity, sum=row.sum, product=row.product_id
    )


def _repriced_line(line: WaitingLine, priced: SettlementLine) -> RepricedLine:
    names = [name for name in RepricedLine.__struct_fields__ if name != "line"]
    return RepricedLine(line.id, **{name: getattr(priced, name) for name in names})
