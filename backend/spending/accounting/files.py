"""A brand's accounts, its lots and the register of the tax year as CSV, written while they are sent.

Long lists are read page by page, each page in a short transaction of its own: figures of a past moment do not change,
so the pages are consistent.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.language import Language
from backend.core.settings import Settings
from backend.core.tabular.output.table_files import Cell, csv_file
from backend.spending.accounting import tax
from backend.spending.accounting.schemas import KIND_NAMES, PLACE_NAMES
from backend.spending.accounting.service import PROGRAMMES, BrandAccounts, Period, ProgrammeBooks
from payouts import accounting_queries

Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
PAGE_ROWS = 1000
CARDS = text("SELECT id, card_number FROM accounts WHERE id = ANY(:accounts)")
# Ordered by the key, for keyset pagination.
REGISTER = text("""
    SELECT y.account_id, coalesce(a.card_number, '') AS card, y.tax, y.amount, coalesce(r.rung, 0) AS rung
    FROM yearly_sums y JOIN accounts a ON a.id = y.account_id
    LEFT JOIN rungs r ON r.brand_id = y.brand_id AND r.account_id = y.account_id
    WHERE y.brand_id = :brand AND y.year = :year AND y.amount > 0 AND (y.account_id, y.tax) > (:account, :tax)
    ORDER BY y.account_id, y.tax LIMIT :most
""")

# The English names are released: programs read the columns by them. A Russian file has Russian names.
SUMMARY_HEAD: dict[Language, Sequence[str]] = {
    "en": ("section", "programme", "currency", "item", "detail", "count", "opening", "in", "out", "closing"),
    "ru": (
        "Раздел",
        "Программа",
        "Валюта",
        "Статья",
        "Подробно",
        "Количество",
        "На начало",
        "Приход",
        "Расход",
        "На конец",
    ),
}
LOTS_HEAD: dict[Language, Sequence[str]] = {
    "en": ("programme", "currency", "card_number", "lot", "matures_on", "expires_on", "pending", "available"),
    "ru": ("Программа", "Валюта", "Номер карты", "Партия", "Доступно с", "Сгорает", "Ожидает", "Доступно"),
}
REGISTER_HEAD: dict[Language, Sequence[str]] = {
    "en": ("year", "card_number", "nature", "rung", "sum_rub", "free_rub", "above_rub"),
    "ru": ("Год", "Номер карты", "Вид дохода", "Ступень", "Сумма, руб", "Не облагается, руб", "Сверх, руб"),
}


async def summary_csv(brand_accounts: BrandAccounts, language: Language) -> AsyncIterator[bytes]:
    """The accounts, one line a figure: movements, places, outstanding, payables to partners and shops, gift cards."""
    file = csv_file(language)
    yield file.rows([SUMMARY_HEAD[language]])
    for books in brand_accounts.books:
        yield file.rows(_programme_rows(books))
    rows: list[Sequence[Cell]] = [
        (
            "due",
            "",
            "RUB",
            row.what,
            f"{shop.number} {shop.name}",
            "",
            *_sum_cells("RUB", row.opening, row.added, row.taken),
        )
        for shop, row in brand_accounts.shop_payables
    ]
    cards = brand_accounts.gift_cards
    opening = cards.outstanding - cards.issued + cards.taken - cards.given
    sums = _sum_cells("RUB", opening, cards.issued + cards.given, cards.taken)
    rows.append(("certificates", "", "RUB", "outstanding", "", "", *sums))
    rows.append(("certificates", "", "RUB", "lapsed", "", "", "", "", "", money_cell("RUB", cards.lapsed)))
    yield file.rows(rows)


def _programme_rows(books: ProgrammeBooks) -> list[Sequence[Cell]]:
    key, unit = books.programme.key, books.programme.currency
    rows: list[Sequence[Cell]] = [
        ("movement", key, unit, KIND_NAMES[kind], "", times, "", money_cell(unit, moved), "", "")
        for kind, (times, moved) in books.kinds.items()
    ]
    rows += [
        ("place", key, unit, PLACE_NAMES[place], "", "", *_sum_cells(unit, row.opening, row.came, row.went))
        for place, row in books.places.items()
    ]
    rows += [
        ("outstanding", key, unit, name, row.month or "", row.lots, "", "", "", money_cell(unit, getattr(row, name)))
        for row in books.outstanding
        for name in ("pending", "available", "held")
    ]
    rows.append(("outstanding", key, unit, "debts", "", "", "", "", "", money_cell(unit, books.debts)))
    rows += [
        ("payable", key, unit, row.supplier, row.partner, row.orders, *_sum_cells(unit, row.before, row.amount, 0))
        for row in books.payables
    ]
    return rows


def _sum_cells(currency: str, opening: int, came: int, went: int) -> tuple[Cell, Cell, Cell, Cell]:
    cells = [money_cell(currency, value) for value in (opening, came, went, opening + came - went)]
    return cells[0], cells[1], cells[2], cells[3]


def money_cell(currency: str, minor: int) -> Cell:
    """Roubles as decimals, points as integers."""
    return minor if currency == "PTS" else Decimal(minor).scaleb(-2)


async def lots_csv(
    transactions: Transactions, brand_id: int, period: Period, language: Language
) -> AsyncIterator[bytes]:
    """Lots with a balance at the end of a period; points held for orders are not in lots."""
    file, after = csv_file(language), 0
    async with transactions() as session:
        programmes = {row.id: row for row in (await session.execute(PROGRAMMES, {"brand": brand_id})).all()}
    yield file.rows([LOTS_HEAD[language]])
    while True:
        values = {"books": list(programmes), "upto": period.upto, "after": after, "most": PAGE_ROWS}
        async with transactions() as session:
            rows = (await session.execute(accounting_queries.LOTS, values)).all()
            owners = {row.owner_id for row in rows}
            card_rows = (await session.execute(CARDS, {"accounts": list(owners)})).all()
        cards: dict[int, str | None] = {row.id: row.card_number for row in card_rows}
        if not rows:
            return
        after = rows[-1].id
        left = [row for row in rows if row.pending or row.available]
        yield file.rows(_lot_row(row, programmes[row.book_id], cards.get(row.owner_id)) for row in left)


def _lot_row(row: Any, programme: Any, card: str | None) -> Sequence[Cell]:
    unit = programme.currency
    days = (str(row.matures_on), "" if row.expires_on.year == 9999 else str(row.expires_on))
    return (
        programme.key,
        unit,
        card or "",
        row.id,
        *days,
        money_cell(unit, row.pending),
        money_cell(unit, row.available),
    )


async def tax_register_csv(
    transactions: Transactions, settings: Settings, brand_id: int, year: int, now: datetime, language: Language
) -> AsyncIterator[bytes]:
    """The sum of each agent from the brand in a year by tax nature, and the part above the tax-free amount."""
    file, account, nature = csv_file(language), 0, ""
    day = min(now, datetime(year + 1, 1, 1, tzinfo=tax.YEAR_ZONE) - timedelta(seconds=1))
    yield file.rows([REGISTER_HEAD[language]])
    while True:
        values = {"brand": brand_id, "year": year, "account": account, "tax": nature, "most": PAGE_ROWS}
        async with transactions() as session:
            rows = (await session.execute(REGISTER, values)).all()
        if not rows:
            return
        account, nature = rows[-1].account_id, rows[-1].tax
        yield file.rows(_register_row(settings, row, year, day) for row in rows)


def _register_row(settings: Settings, row: Any, year: int, day: datetime) -> Sequence[Cell]:
    free = tax.tax_free_amount(settings, row.tax, day)
    above = 0 if free is None else max(0, row.amount - free)
    shown = "" if free is None else money_cell("RUB", free)
    return year, row.card, row.tax, row.rung, money_cell("RUB", row.amount), shown, money_cell("RUB", above)
