"""A closed statement as a file: each due that it holds, then the total, as CSV, XLSX or PDF.

The file is read page by page while it is sent, each page in a short transaction of its own. What is closed does not
change, so the pages belong together.
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

from backend.brands.models import Brand
from backend.checkout.models import Statement
from backend.errors import Invalid
from backend.language import Language
from backend.programmes.files_out import Cell, CsvFile, TableFile, Workbook
from backend.programmes.paper import Column, TablePdf
from backend.shops.models import Shop

Format = Literal["csv", "xlsx", "pdf"]
Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
PAGE = 500
MOST_ON_PAPER = 10_000  # rows: some 220 pages, three seconds of one core

# Outer joins: each due stands in the file, whatever became of its cause.
ROWS = text("""
    SELECT d.id, d.kind, d.amount, d.at, d.cause, coalesce(s.key, o.key, u.key) AS sale,
        coalesce(b.key, CASE d.cause WHEN 10 THEN u.key END) AS back, t.key AS till, a.key AS cashier,
        s.fn, s.fd, s.fp, coalesce(c.shown, c.code) AS code, CASE d.kind WHEN 1 THEN r.base ELSE -v.base END AS paid
    FROM dues d
    LEFT JOIN reversals v ON d.cause = 5 AND v.id = d.cause_id
    LEFT JOIN redemptions r ON r.id = CASE d.cause WHEN 4 THEN d.cause_id ELSE v.redemption_id END
    LEFT JOIN sale_returns b ON b.id = v.return_id
    LEFT JOIN sales s ON s.id = r.sale_id
    LEFT JOIN certificate_uses u ON d.cause IN (9, 10) AND u.id = d.cause_id
    LEFT JOIN certificate_uses o ON o.id = u.use_id
    LEFT JOIN tills t ON t.id = coalesce(s.till_id, u.till_id)
    LEFT JOIN cashiers a ON a.id = coalesce(s.cashier_id, u.cashier_id)
    LEFT JOIN promo_codes c ON c.id = r.code_id
    WHERE d.creditor_id = :shop AND d.debtor_id = :brand AND d.id > :after AND d.id <= :upto
    ORDER BY d.id LIMIT :most
""")
# What is owed and what is paid are in roubles; widths on a page of A4 across, in millimetres.
COLUMNS = [
    Column("Дата и время", "Date and time", 27),
    Column("Операция", "Deed", 16),
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
    "ru": {"sale": "продажа", "return": "возврат", "certificate": "сертификат", "certificate_return": "на сертификат",
           "total": "Итого", "title": "Отчёт № {} о скидках и сертификатах",
           "brand": "Бренд", "shop": "Магазин", "closed": "Период закрыт", "sales": "Продаж с промокодами",
           "discounts": "Скидки, руб", "returned": "Из них возвращено, руб",
           "certificates": "Сертификаты, руб", "certificates_returned": "Возвращено на сертификаты, руб",
           "owed": "К возмещению магазину, руб"},
    "en": {"sale": "sale", "return": "return", "certificate": "certificate", "certificate_return": "to certificate",
           "total": "Total", "title": "Statement {} of discounts and certificates",
           "brand": "Brand", "shop": "Shop", "closed": "Period closed", "sales": "Sales with promo codes",
           "discounts": "Discounts, RUB", "returned": "Of them returned, RUB",
           "certificates": "Certificates, RUB", "certificates_returned": "Given back to certificates, RUB",
           "owed": "Owed to the shop, RUB"},
}  # fmt: skip
DEEDS = {9: "certificate", 10: "certificate_return"}


COUNT = text("""
    SELECT count(*) FROM (SELECT FROM dues WHERE creditor_id = :shop AND debtor_id = :brand AND id > :after
        AND id <= :upto LIMIT :most) AS few
""")


class StatementTooLong(Invalid):
    """This statement has too many rows to be put on paper. Take it as CSV or XLSX."""


class Parties(NamedTuple):
    """A statement and those whom it is between."""

    statement: Statement
    shop: Shop
    brand: Brand


async def check(session: AsyncSession, one: Statement, kind: Format) -> None:
    """Let through a statement that can be had in a format.

    Raises:
        StatementTooLong: nobody would read it on paper.
    """
    if kind != "pdf":
        return
    values = {"shop": one.shop_id, "brand": one.brand_id, "after": one.after_due, "upto": one.upto_due}
    if (await session.execute(COUNT, values | {"most": MOST_ON_PAPER + 1})).scalar_one() > MOST_ON_PAPER:
        raise StatementTooLong


async def written(
    transactions: Transactions, parties: Parties, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """The file in pieces."""
    one, zone = parties.statement, ZoneInfo(parties.shop.timezone)
    file = _file(kind, parties, zone, language)
    yield file.rows([[column.title(language) for column in COLUMNS]])
    after = one.after_due
    while True:
        async with transactions() as session:
            values = {"shop": one.shop_id, "brand": one.brand_id, "after": after, "upto": one.upto_due, "most": PAGE}
            rows = (await session.execute(ROWS, values)).all()
        if not rows:
            break
        after = rows[-1].id
        yield await asyncio.to_thread(file.rows, [_cells(row, zone, language) for row in rows])
    total: list[Cell] = [WORDS[language]["total"], *[""] * (len(COLUMNS) - 2), _roubles(one.total)]
    yield file.rows([total]) + await asyncio.to_thread(file.end)


def _cells(row: Any, zone: ZoneInfo, language: Language) -> Sequence[Cell]:
    receipt = "/".join(part for part in (row.fn, row.fd, row.fp) if part)
    return [
        _moment(row.at, zone),
        WORDS[language][DEEDS.get(row.cause, "sale" if row.kind == 1 else "return")],
        *(part or "" for part in (row.sale, row.back, row.till, row.cashier, receipt, row.code)),
        "" if row.paid is None else _roubles(row.paid),
        _roubles(row.amount if row.kind == 1 else -row.amount),
    ]


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _roubles(kopecks: int) -> Decimal:
    return Decimal(kopecks).scaleb(-2)


def _file(kind: Format, parties: Parties, zone: ZoneInfo, language: Language) -> TableFile:
    if kind == "pdf":
        return TablePdf(*_head(parties, zone, language), COLUMNS, language)
    if kind == "xlsx":
        return Workbook()
    # What a Russian spreadsheet expects, and what all others do.
    return CsvFile(separator=";", point=",") if language == "ru" else CsvFile(separator=",", point=".")


def _head(parties: Parties, zone: ZoneInfo, language: Language) -> tuple[str, list[tuple[str, Cell]]]:
    """The title of a page, and what stands below it."""
    one, shop, words = parties.statement, parties.shop, WORDS[language]
    place = ", ".join(part for part in (shop.name, shop.city, shop.address) if part)
    return words["title"].format(one.number), [
        (words["brand"], parties.brand.name),
        (words["shop"], f"{place} ({shop.number})"),
        (words["closed"], f"{_moment(one.closed_at, zone)} ({shop.timezone})"),
        (words["sales"], one.sales),
        (words["discounts"], _roubles(one.discounts)),
        (words["returned"], _roubles(one.returned)),
        (words["certificates"], _roubles(one.certificates)),
        (words["certificates_returned"], _roubles(one.certificates_returned)),
        (words["owed"], _roubles(one.total)),
    ]
