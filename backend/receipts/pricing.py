"""What the rules give for lines: each programme of the brand is asked in order, the first that pays counts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.programmes import awards
from backend.programmes.awards import Award
from backend.programmes.offers import Book, Books
from backend.programmes.rules import Decision, Facts, decide
from backend.receipts.catalogues import Goods

VERSIONS = text("SELECT id, rules_version FROM programmes WHERE id = ANY(:programmes)")
MOST_UNITS = 10_000


class Wanted(Award, kw_only=True):
    """A line as receipts_settle takes it. Without a decision of the rules it waits or is refused."""

    brand: int
    n: int
    name: str
    quantity: Decimal
    sum: int
    gtin: str | None = None
    serial: str | None = None
    product: int | None = None
    how: str = "none"
    score: float = 0.0
    candidates: list[Any] = msgspec.field(default_factory=list)
    state: str = "paid"
    reason: str | None = None


async def price(
    db: Database, books: Books, goods: Iterable[Goods], wanted: Sequence[Wanted], sent_at: datetime, now: datetime
) -> tuple[list[Wanted], set[int]]:
    """The lines with what the rules give for them, and the programmes that were asked.

    The time that counts is when the agent sent the receipt: that a provider was slow costs him nothing.
    """
    payers = {row.brand_id: row.programmes for row in goods}
    asked = {number for row in wanted if row.state == "paid" for number in payers[row.brand]}
    shelf = [await books.get(row.id, row.rules_version) for row in await db.rows(VERSIONS, programmes=list(asked))]
    known = {book.programme_id: book for book in shelf}
    used: dict[tuple[int, int], int] = {}
    made = [
        _priced(row, [known[number] for number in payers[row.brand] if number in known], used, sent_at, now)
        if row.state == "paid" else row
        for row in wanted
    ]  # fmt: skip
    return made, asked


def _priced(
    row: Wanted, shelf: Sequence[Book], used: dict[tuple[int, int], int], sent_at: datetime, now: datetime
) -> Wanted:
    if row.product is None:
        raise LookupError(row.name)
    for book in shelf:
        decision = decide(book.offers, _facts(row.product, row.quantity, row.sum, sent_at), book.timezone)
        if decision is None:
            continue
        limit = decision.offer.rule.units_per_receipt
        if limit is not None:
            decision = _within(decision, book, row, limit, used, sent_at)
            if decision is None:
                return msgspec.structs.replace(row, state="refused", reason="quantity_limit")
        return _with(row, book, decision, now)
    return msgspec.structs.replace(row, state="refused", reason="no_campaign")


def _facts(product: int, quantity: Decimal, amount: int, at: datetime) -> Facts:
    """A line as the rules see it: what was measured (1.5 m of cable) counts as one unit for a fixed bonus."""
    whole = quantity == quantity.to_integral_value()
    return Facts("receipt", product, amount, at, units=min(MOST_UNITS, int(quantity)) if whole else 1)


def _within(
    decision: Decision, book: Book, row: Wanted, limit: int, used: dict[tuple[int, int], int], sent_at: datetime
) -> Decision | None:
    """The decision for as many units of the product as the receipt has left of its limit; None: it has none left.

    Lines of one product are counted together: marked goods come one line a unit.
    """
    place = (decision.offer.campaign_id, row.product or 0)
    units = max(1, -int(-row.quantity // 1))
    left = min(units, limit - used.get(place, 0))
    if left <= 0:
        return None
    used[place] = used.get(place, 0) + left
    if left == units:
        return decision
    part = _facts(row.product or 0, Decimal(left), row.sum * left // units, sent_at)
    return decide([decision.offer], part, book.timezone)


def _with(row: Wanted, book: Book, decision: Decision, now: datetime) -> Wanted:
    told = awards.fields(book, decision) | {"today": now.astimezone(ZoneInfo(book.timezone)).date()}
    return msgspec.structs.replace(row, **told)
