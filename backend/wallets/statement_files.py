"""A wallet's statement as a file: what stood before, each movement, what stood after, totals; as CSV or PDF.

The file is read page by page while it is sent. What it holds does not change, so the pages belong together.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date

from backend.database import Database
from backend.language import Language
from backend.programmes.explain import Versions
from backend.programmes.files_out import Cell, CsvFile, TableFile
from backend.programmes.paper import Column, TablePdf
from backend.wallets import statements
from backend.wallets.statement_schemas import BalancesOut, Period, StatementRow, Totals

Format = Literal["csv", "pdf"]
PAGE = 500
MOST_ON_PAPER = 10_000  # rows: some 220 pages, three seconds of one core

# Widths on a page of A4 across, in millimetres.
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
    "ru": {"earn": "начислено", "mature": "стало доступно", "hold": "удержано", "settle": "потрачено",
           "release": "возвращено", "expire": "сгорело", "clawback": "отозвано", "write_off": "долг списан",
           "opening": "Было на начало", "closing": "Стало на конец", "total": "Итого",
           "title": "Выписка по кошельку № {}", "brand": "Бренд", "programme": "Программа", "period": "Период",
           "currency": "Единицы", "PTS": "баллы", "RUB": "рубли"},
    "en": {"earn": "earned", "mature": "matured", "hold": "held", "settle": "spent", "release": "returned",
           "expire": "expired", "clawback": "taken back", "write_off": "debt written off",
           "opening": "At the beginning", "closing": "At the end", "total": "Total",
           "title": "Statement of wallet {}", "brand": "Brand", "programme": "Programme", "period": "Period",
           "currency": "Units", "PTS": "points", "RUB": "roubles"},
}  # fmt: skip


async def written(
    db: Database, versions: Versions, asked: Period, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """The file in pieces."""
    file, words, zone = _file(kind, asked, language), WORDS[language], ZoneInfo(asked.timezone)
    yield file.rows([[column.title(language) for column in COLUMNS], _stood(words["opening"], asked, asked.opening)])
    after, sums = asked.after, Totals()
    while after < asked.upto:
        page = await statements.rows(db, versions, asked, after, PAGE)
        if not page:
            break
        after = page[-1].seq
        statements.totals(page, sums)
        yield await asyncio.to_thread(file.rows, [_cells(row, asked, zone, words) for row in page])
    last = [_stood(words["closing"], asked, asked.closing), *_totals(sums, asked, words)]
    yield file.rows(last) + await asyncio.to_thread(file.end)


def _cells(row: StatementRow, asked: Period, zone: ZoneInfo, words: dict[str, str]) -> Sequence[Cell]:
    amounts = (row.amount, row.available_after, row.pending_after, row.held_after)
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return [at, str(row.id), words[row.kind], row.text, *(_units(amount, asked) for amount in amounts)]


def _stood(name: str, asked: Period, stood: BalancesOut) -> Sequence[Cell]:
    amounts = (stood.available, stood.pending, stood.held)
    return ["", "", name, "", "", *(_units(amount, asked) for amount in amounts)]


def _totals(sums: Totals, asked: Period, words: dict[str, str]) -> list[Sequence[Cell]]:
    named = [(name, getattr(sums, name)) for name in sums.__struct_fields__]
    return [["", "", words["total"], words[name], _units(sum_, asked), "", "", ""] for name, sum_ in named if sum_]


def _units(amount: int, asked: Period) -> Cell:
    return amount if asked.currency == "PTS" else Decimal(amount).scaleb(-2)


def _file(kind: Format, asked: Period, language: Language) -> TableFile:
    if kind == "pdf":
        words = WORDS[language]
        days = [format_date(day, "long", language) for day in (asked.since, asked.until)]
        head: list[tuple[str, Cell]] = [
            (words["brand"], asked.brand),
            (words["programme"], asked.programme),
            (words["period"], f"{days[0]} – {days[1]} ({asked.timezone})"),
            (words["currency"], words[asked.currency]),
        ]
        return TablePdf(words["title"].format(asked.wallet_id), head, COLUMNS, language)
    # What a Russian spreadsheet expects, and what all others do.
    return CsvFile(separator=";", point=",") if language == "ru" else CsvFile(separator=",", point=".")
