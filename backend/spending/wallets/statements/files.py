"""A wallet's statement as CSV or PDF: opening balances, movements, closing balances, totals.

The movements are read page by page while the file is sent. They do not change, so the pages are consistent.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date

from backend.core.db.database import Database
from backend.core.language import Language
from backend.core.tabular.output.pdf_table import Column, TablePdf
from backend.core.tabular.output.table_files import Cell, TableFile, csv_file
from backend.programmes.rules.explanation import RuleVersionCache
from backend.spending.wallets.statements import service as statements
from backend.spending.wallets.statements.schemas import (
    MovementTotals,
    StatementPeriod,
    WalletBalancesOut,
    WalletStatementRow,
)

Format = Literal["csv", "pdf"]
PAGE_ROWS = 500
MAX_PDF_ROWS = 10_000  # rows: some 220 pages, three seconds of one core

# Widths in millimetres on A4 landscape.
COLUMNS = [
    Column("Дата и время", "Date and time", 27),
    Column("№", "No", 20),
    Column("Что", "What", 26),
    Column("Почему", "Why", 108),
    Column("Сумма", "Amount", 23, is_amount=True),
    Column("Доступно", "Available", 23, is_amount=True),
    Column("Ожидает", "Pending", 23, is_amount=True),
    Column("Удержано", "Held", 23, is_amount=True),
]
WORDS = {
    "ru": {
        "earn": "начислено",
        "mature": "стало доступно",
        "hold": "удержано",
        "settle": "потрачено",
        "release": "возвращено",
        "expire": "сгорело",
        "clawback": "отозвано",
        "write_off": "долг списан",
        "correct": "снято вручную",
        "opening": "Было на начало",
        "closing": "Стало на конец",
        "total": "Итого",
        "title": "Выписка по кошельку № {}",
        "brand": "Бренд",
        "programme": "Программа",
        "period": "Период",
        "currency": "Единицы",
        "PTS": "баллы",
        "RUB": "рубли",
    },
    "en": {
        "earn": "earned",
        "mature": "matured",
        "hold": "held",
        "settle": "spent",
        "release": "returned",
        "expire": "expired",
        "clawback": "taken back",
        "write_off": "debt written off",
        "correct": "taken by hand",
        "opening": "At the beginning",
        "closing": "At the end",
        "total": "Total",
        "title": "Statement of wallet {}",
        "brand": "Brand",
        "programme": "Programme",
        "period": "Period",
        "currency": "Units",
        "PTS": "points",
        "RUB": "roubles",
    },
}


async def statement_file(
    db: Database, versions: RuleVersionCache, period: StatementPeriod, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """The file in pieces."""
    file, words, zone = _create_file(kind, period, language), WORDS[language], ZoneInfo(period.timezone)
    yield file.rows(
        [[column.title(language) for column in COLUMNS], _balance_row(words["opening"], period, period.opening)]
    )
    after, sums = period.after, MovementTotals()
    while after < period.upto:
        page = await statements.statement_rows(db, versions, period, after, PAGE_ROWS)
        if not page:
            break
        after = page[-1].seq
        statements.movement_totals(page, sums)
        yield await asyncio.to_thread(file.rows, [_row_cells(row, period, zone, words) for row in page])
    last = [_balance_row(words["closing"], period, period.closing), *_total_rows(sums, period, words)]
    yield file.rows(last) + await asyncio.to_thread(file.end)


def _row_cells(
    row: WalletStatementRow, period: StatementPeriod, zone: ZoneInfo, words: dict[str, str]
) -> Sequence[Cell]:
    amounts = (row.amount, row.available_after, row.pending_after, row.held_after)
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return [at, str(row.id), words[row.kind], row.text, *(_format_units(amount, period) for amount in amounts)]


def _balance_row(name: str, period: StatementPeriod, balances: WalletBalancesOut) -> Sequence[Cell]:
    amounts = (balances.available, balances.pending, balances.held)
    return ["", "", name, "", "", *(_format_units(amount, period) for amount in amounts)]


def _total_rows(sums: MovementTotals, period: StatementPeriod, words: dict[str, str]) -> list[Sequence[Cell]]:
    named = [(name, getattr(sums, name)) for name in sums.__struct_fields__]
    return [
        ["", "", words["total"], words[name], _format_units(sum_, period), "", "", ""] for name, sum_ in named if sum_
    ]


def _format_units(amount: int, period: StatementPeriod) -> Cell:
    return amount if period.currency == "PTS" else Decimal(amount).scaleb(-2)


def _create_file(kind: Format, period: StatementPeriod, language: Language) -> TableFile:
    if kind == "pdf":
        words = WORDS[language]
        days = [format_date(day, "long", language) for day in (period.since, period.until)]
        head: list[tuple[str, Cell]] = [
            (words["brand"], period.brand),
            (words["programme"], period.programme),
            (words["period"], f"{days[0]} – {days[1]} ({period.timezone})"),
            (words["currency"], words[period.currency]),
        ]
        return TablePdf(words["title"].format(period.wallet_id), head, COLUMNS, language)
    return csv_file(language)
