"""A closed statement as a file: each of its payables, then the total, as CSV, XLSX or PDF.

The file is read page by page while it is sent, each page in its own short transaction. A closed statement does not
change, so the pages are consistent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.models import Statement
from backend.core.http.errors import Invalid
from backend.core.language import Language
from backend.core.tabular.output.pdf_table import Column, TablePdf
from backend.core.tabular.output.table_files import Cell, TableFile, Workbook, csv_file
from backend.identity.brands.models import Brand
from backend.shops.models import Shop

Format = Literal["csv", "xlsx", "pdf"]
Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
PAGE = 500
MAX_PDF_ROWS = 10_000  # rows: some 220 pages, three seconds of one core

# Outer joins: the file contains each payable, even if its cause is missing.
ROWS = text("""
    SELECT d.id, d.kind, d.amount, d.cause,
        CASE d.cause WHEN 4 THEN checkout_happened(d, s.taken_at) ELSE d.at END AS at,
        coalesce(s.key, o.key, u.key) AS sale,
        coalesce(b.key, CASE d.cause WHEN 10 THEN u.key END) AS back, t.key AS till, a.key AS cashier,
        s.fn, s.fd, s.fp, coalesce(c.shown, c.code) AS code, CASE d.kind WHEN 1 THEN r.base ELSE -v.base END AS paid
    FROM checkout_statement_dues(:shop, :brand, :number, :after) d
    LEFT JOIN reversals v ON d.cause = 5 AND v.id = d.cause_id
    LEFT JOIN redemptions r ON r.id = CASE d.cause WHEN 4 THEN d.cause_id ELSE v.redemption_id END
    LEFT JOIN sale_returns b ON b.id = v.return_id
    LEFT JOIN sales s ON s.id = r.sale_id
    LEFT JOIN certificate_uses u ON d.cause IN (9, 10) AND u.id = d.cause_id
    LEFT JOIN certificate_uses o ON o.id = u.use_id
    LEFT JOIN tills t ON t.id = coalesce(s.till_id, u.till_id)
    LEFT JOIN cashiers a ON a.id = coalesce(s.cashier_id, u.cashier_id)
    LEFT JOIN promo_codes c ON c.id = r.code_id
    ORDER BY d.id LIMIT :most
""")
# Amounts are in roubles; widths are in millimetres, on a page of A4 in landscape.
COLUMNS = [
    Column("Дата и время", "Date and time", 27),
    Column("Операция", "Operation", 16),
    Column("Продажа", "Sale", 47),
    Column("Возврат", "Return", 47),
    Column("Касса", "Till", 18),
    Column("Кассир", "Cashier", 18),
    Column("Чек: ФН/ФД/ФПД", "Receipt: FN/FD/FPD", 40),
    Column("Промокод", "Promo code", 22),
    Column("Оплачено, руб", "Paid, RUB", 19, is_amount=True),
    Column("К возмещению, руб", "Owed, RUB", 19, is_amount=True),
]
WORDS = {
    "ru": {
        "sale": "продажа",
        "return": "возврат",
        "certificate": "сертификат",
        "certificate_return": "на сертификат",
        "total": "Итого",
        "title": "Отчёт № {} о скидках и сертификатах",
        "brand": "Бренд",
        "shop": "Магазин",
        "closed": "Период закрыт",
        "through": "Период по",
        "sales": "Продаж с промокодами",
        "discounts": "Скидки, руб",
        "returned": "Из них возвращено, руб",
        "certificates": "Сертификаты, руб",
        "certificates_returned": "Возвращено на сертификаты, руб",
        "owed": "К возмещению магазину, руб",
    },
    "en": {
        "sale": "sale",
        "return": "return",
        "certificate": "certificate",
        "certificate_return": "to certificate",
        "total": "Total",
        "title": "Statement {} of discounts and certificates",
        "brand": "Brand",
        "shop": "Shop",
        "closed": "Period closed",
        "through": "Period through",
        "sales": "Sales with promo codes",
        "discounts": "Discounts, RUB",
        "returned": "Of them returned, RUB",
        "certificates": "Certificates, RUB",
        "certificates_returned": "Given back to certificates, RUB",
        "owed": "Owed to the shop, RUB",
    },
}
OPERATIONS = {9: "certificate", 10: "certificate_return"}


COUNT = text("""
    SELECT count(*) FROM (SELECT FROM checkout_statement_dues(:shop, :brand, :number, 0) LIMIT :most) AS few
""")


class StatementTooLong(Invalid):
    """This statement has too many rows to be put on paper. Take it as CSV or XLSX."""

    code = "statement_too_long"


class StatementParties(NamedTuple):
    """A statement with its shop and its brand."""

    statement: Statement
    shop: Shop
    brand: Brand


async def check_format(session: AsyncSession, statement: Statement, kind: Format) -> None:
    """Check that a statement is available in a format.

    Raises:
        StatementTooLong: it has too many rows for a PDF.
    """
    if kind != "pdf":
        return
    values = {"shop": statement.shop_id, "brand": statement.brand_id, "number": statement.number}
    if (await session.execute(COUNT, values | {"most": MAX_PDF_ROWS + 1})).scalar_one() > MAX_PDF_ROWS:
        raise StatementTooLong


async def file_chunks(
    transactions: Transactions, parties: StatementParties, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """The file in pieces."""
    statement, zone = parties.statement, ZoneInfo(parties.shop.timezone)
    file = _open_file(kind, parties, zone, language)
    yield file.rows([[column.title(language) for column in COLUMNS]])
    after = 0
    while True:
        async with transactions() as session:
            values = {
                "shop": statement.shop_id,
                "brand": statement.brand_id,
                "number": statement.number,
                "after": after,
                "most": PAGE,
            }
            rows = (await session.execute(ROWS, values)).all()
        if not rows:
            break
        after = rows[-1].id
        yield await asyncio.to_thread(file.rows, [_row_cells(row, zone, language) for row in rows])
    total: list[Cell] = [WORDS[language]["total"], *[""] * (len(COLUMNS) - 2), _to_roubles(statement.total)]
    yield file.rows([total]) + await asyncio.to_thread(file.end)


def _row_cells(row: Any, zone: ZoneInfo, language: Language) -> Sequence[Cell]:
    receipt = "/".join(part for part in (row.fn, row.fd, row.fp) if part)
    return [
        _local_time(row.at, zone),
        WORDS[language][OPERATIONS.get(row.cause, "sale" if row.kind == 1 else "return")],
        *(part or "" for part in (row.sale, row.back, row.till, row.cashier, receipt, row.code)),
        "" if row.paid is None else _to_roubles(row.paid),
        _to_roubles(row.amount if row.kind == 1 else -row.amount),
    ]


def _local_time(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _to_roubles(kopecks: int) -> Decimal:
    return Decimal(kopecks).scaleb(-2)


def _open_file(kind: Format, parties: StatementParties, zone: ZoneInfo, language: Language) -> TableFile:
    if kind == "pdf":
        return TablePdf(*_title_and_facts(parties, zone, language), COLUMNS, language)
    if kind == "xlsx":
        return Workbook()
    return csv_file(language)


def _title_and_facts(
    parties: StatementParties, zone: ZoneInfo, language: Language
) -> tuple[str, list[tuple[str, Cell]]]:
    """The title of the document, and the facts below it."""
    statement, shop, words = parties.statement, parties.shop, WORDS[language]
    place = ", ".join(part for part in (shop.name, shop.city, shop.address) if part)
    return words["title"].format(statement.number), [
        (words["brand"], parties.brand.name),
        (words["shop"], f"{place} ({shop.number})"),
        *([(words["through"], statement.through.isoformat())] if statement.through else []),
        (words["closed"], f"{_local_time(statement.closed_at, zone)} ({shop.timezone})"),
        (words["sales"], statement.sales),
        (words["discounts"], _to_roubles(statement.discounts)),
        (words["returned"], _to_roubles(statement.returned)),
        (words["certificates"], _to_roubles(statement.certificates)),
        (words["certificates_returned"], _to_roubles(statement.certificates_returned)),
        (words["owed"], _to_roubles(statement.total)),
    ]
