"""A brand's accounts, its lots and the register of the tax year as tables of text, written while they are sent.

What is long is read page by page, each page in a short transaction of its own: figures at a moment that is past do not
change, so the pages belong together.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.language import Language
from backend.offers import tax
from backend.offers.accounting import PROGRAMMES, Accounts, Books, Period
from backend.offers.accounting_schemas import KIND_NAMES, PLACE_NAMES
from backend.programmes.files_out import Cell, CsvFile
from backend.settings import Settings
from payouts import accounts

Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
PAGE = 1000
CARDS = text("SELECT id, card_number FROM accounts WHERE id = ANY(:accounts)")
# The key's order, so that a page goes on where the one before it ended.
REGISTER = text("""
    SELECT y.account_id, coalesce(a.card_number, '') AS card, y.tax, y.amount, coalesce(r.rung, 0) AS rung
    FROM yearly_sums y JOIN accounts a ON a.id = y.account_id
    LEFT JOIN rungs r ON r.brand_id = y.brand_id AND r.account_id = y.account_id
    WHERE y.brand_id = :brand AND y.year = :year AND y.amount > 0 AND (y.account_id, y.tax) > (:account, :tax)
    ORDER BY y.account_id, y.tax LIMIT :most
""")

SUMMARY_HEAD = ("section", "programme", "currency", "item", "detail", "count", "opening", "in", "out", "closing")
LOTS_HEAD = ("programme", "currency", "card_number", "lot", "matures_on", "expires_on", "pending", "available")
REGISTER_HEAD = ("year", "card_number", "nature", "rung", "sum_rub", "free_rub", "above_rub")


def csv_file(language: Language) -> CsvFile:
    """What a Russian spreadsheet expects, and what all others do."""
    return CsvFile(separator=";", point=",") if language == "ru" else CsvFile(separator=",", point=".")


async def summary(found: Accounts, language: Language) -> AsyncIterator[bytes]:
    """The accounts, a line for each figure: movements, places, what is outstanding, payables, dues, certificates."""
    file = csv_file(language)
    yield file.rows([SUMMARY_HEAD])
    for books in found.books:
        yield file.rows(_of_programme(books))
    rows: list[Sequence[Cell]] = [
        ("due", "", "RUB", row.what, f"{shop.number} {shop.name}", "", *_sums("RUB", row.opening, row.added, row.taken))
        for shop, row in found.dues
    ]
    kept = found.certificates
    opening = kept.outstanding - kept.issued + kept.taken - kept.given
    sums = _sums("RUB", opening, kept.issued + kept.given, kept.taken)
    rows.append(("certificates", "", "RUB", "outstanding", "", "", *sums))
    rows.append(("certificates", "", "RUB", "lapsed", "", "", "", "", "", amount("RUB", kept.lapsed)))
    yield file.rows(rows)


def _of_programme(books: Books) -> list[Sequence[Cell]]:
    key, unit = books.programme.key, books.programme.currency
    rows: list[Sequence[Cell]] = [
        ("movement", key, unit, KIND_NAMES[kind], "", times, "", amount(unit, moved), "", "")
        for kind, (times, moved) in books.kinds.items()
    ]
    rows += [
        ("place", key, unit, PLACE_NAMES[place], "", "", *_sums(unit, row.opening, row.came, row.went))
        for place, row in books.places.items()
    ]
    rows += [
        ("outstanding", key, unit, name, row.month or "", row.lots, "", "", "", amount(unit, getattr(row, name)))
        for row in books.outstanding
        for name in ("pending", "available", "held")
    ]
    rows.append(("outstanding", key, unit, "debts", "", "", "", "", "", amount(unit, books.debts)))
    rows += [
        ("payable", key, unit, row.supplier, row.partner, row.orders, *_sums(unit, row.before, row.amount, 0))
        for row in books.payables
    ]
    return rows


def _sums(currency: str, opening: int, came: int, went: int) -> tuple[Cell, Cell, Cell, Cell]:
    found = [amount(currency, value) for value in (opening, came, went, opening + came - went)]
    return found[0], found[1], found[2], found[3]


def amount(currency: str, minor: int) -> Cell:
    """Money in its main unit, points as they are."""
    return minor if currency == "PTS" else Decimal(minor).scaleb(-2)


async def lots(transactions: Transactions, brand_id: int, period: Period, language: Language) -> AsyncIterator[bytes]:
    """Each lot of which something was left at the end of a period; what was held for orders is not in lots."""
    file, after = csv_file(language), 0
    async with transactions() as session:
        known = {row.id: row for row in (await session.execute(PROGRAMMES, {"brand": brand_id})).all()}
    yield file.rows([LOTS_HEAD])
    while True:
        values = {"books": list(known), "upto": period.upto, "after": after, "most": PAGE}
        async with transactions() as session:
            rows = (await session.execute(accounts.LOTS, values)).all()
            owners = {row.owner_id for row in rows}
            found = (await session.execute(CARDS, {"accounts": list(owners)})).all()
        cards: dict[int, str | None] = {row.id: row.card_number for row in found}
        if not rows:
            return
        after = rows[-1].id
        left = [row for row in rows if row.pending or row.available]
        yield file.rows(_lot(row, known[row.book_id], cards.get(row.owner_id)) for row in left)


def _lot(row: Any, programme: Any, card: str | None) -> Sequence[Cell]:
    unit = programme.currency
    days = (str(row.matures_on), "" if row.expires_on.year == 9999 else str(row.expires_on))
    return programme.key, unit, card or "", row.id, *days, amount(unit, row.pending), amount(unit, row.available)


async def register(
    transactions: Transactions, settings: Settings, brand_id: int, year: int, now: datetime, language: Language
) -> AsyncIterator[bytes]:
    """What each agent had of the brand in a year by tax nature, and what of it is above what the law leaves free."""
    file, account, nature = csv_file(language), 0, ""
    day = min(now, datetime(year + 1, 1, 1, tzinfo=tax.YEAR_ZONE) - timedelta(seconds=1))
    yield file.rows([REGISTER_HEAD])
    while True:
        values = {"brand": brand_id, "year": year, "account": account, "tax": nature, "most": PAGE}
        async with transactions() as session:
            rows = (await session.execute(REGISTER, values)).all()
        if not rows:
            return
        account, nature = rows[-1].account_id, rows[-1].tax
        yield file.rows(_registered(settings, row, year, day) for row in rows)


def _registered(settings: Settings, row: Any, year: int, day: datetime) -> Sequence[Cell]:
    free = tax.free_most(settings, row.tax, day)
    above = 0 if free is None else max(0, row.amount - free)
    shown = "" if free is None else amount("RUB", free)
    return year, row.card, row.tax, row.rung, amount("RUB", row.amount), shown, amount("RUB", above)
