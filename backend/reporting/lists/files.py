"""Lists as CSV or XLSX, read page by page while they are sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.language import Language
from backend.core.tabular.output.table_files import Cell, Format, table_file
from backend.identity.brands.authentication import Member, brand_transaction
from backend.reporting.lists import service as lists
from backend.reporting.lists.list_filters import Filters
from backend.reporting.lists.service import BrandList, RedemptionRow, ScanRow
from backend.reporting.lookups.receipt_rows import ReceiptRow
from backend.spending.accounting.files import money_cell
from backend.spending.accounting.tax import YEAR_ZONE

FileRow = Sequence[Cell]


class NumberedRow(Protocol):
    """A row of a list that continues at its id."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=NumberedRow)
# Reads the next page: rows with ids below the given one.
PageReader = Callable[[AsyncSession, int | None], Awaitable[list[Row]]]
PAGE_ROWS = 1000
Headers = dict[Language, tuple[str, ...]]


class ListFile(NamedTuple, Generic[Row]):
    """A list as a file: what to read, the head of the file, and the lines of a row."""

    rows: BrandList[Row]
    headers: Headers
    lines_of: Callable[[Row], list[FileRow]]


HEADERS: dict[str, Headers] = {
    "redemptions": {
        "en": (
            "redemption",
            "at",
            "status",
            "code",
            "code_id",
            "run",
            "campaign",
            "shop",
            "shop_number",
            "card_number",
            "base",
            "discount",
            "bonus",
            "returned_base",
            "returned_discount",
            "returned_bonus",
            "currency",
            "reason",
        ),
        "ru": (
            "Погашение",
            "Когда",
            "Состояние",
            "Код",
            "Номер кода",
            "Тираж",
            "Кампания",
            "Магазин",
            "Номер магазина",
            "Номер карты",
            "Оплачено, руб",
            "Скидка, руб",
            "Бонус",
            "Возвращено, руб",
            "Возврат скидки, руб",
            "Возврат бонуса",
            "Валюта бонуса",
            "Причина",
        ),
    },
    "scans": {
        "en": ("scan", "at", "status", "kind", "code_id", "card_number", "sku", "campaign", "amount", "currency"),
        "ru": (
            "Скан",
            "Когда",
            "Состояние",
            "Вид",
            "Номер кода",
            "Номер карты",
            "Код товара",
            "Кампания",
            "Бонус",
            "Валюта",
        ),
    },
    "receipts": {
        "en": (
            "receipt",
            "sent_at",
            "state",
            "card_number",
            "fn",
            "fd",
            "total",
            "shop",
            "line",
            "name",
            "sku",
            "quantity",
            "sum",
            "line_state",
            "bonus",
            "returned",
            "reason",
        ),
        "ru": (
            "Чек",
            "Прислан",
            "Состояние",
            "Номер карты",
            "ФН",
            "ФД",
            "Итог, руб",
            "Продавец",
            "Строка",
            "Название",
            "Код товара",
            "Количество",
            "Сумма, руб",
            "Состояние строки",
            "Бонус",
            "Возврат бонуса",
            "Причина",
        ),
    },
}


async def read_pages(db: Database, member: Member, read: PageReader[Row]) -> AsyncIterator[list[Row]]:
    """All rows of a list, newest first, in pages; each page is read in a transaction of its own."""
    before = None
    while True:
        async with brand_transaction(db, member) as session:
            rows = await read(session, before)
        if not rows:
            return
        before = rows[-1].id
        yield rows


async def export_list(
    db: Database, member: Member, wanted_file: ListFile[Row], wanted: Filters, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """All rows of a period as a file, in chunks, newest first; times are Moscow's."""

    async def read(session: AsyncSession, before: int | None) -> list[Row]:
        return await lists.list_rows(session, member, wanted_file.rows, wanted, before, PAGE_ROWS)

    file = table_file(kind, language)
    yield file.rows([wanted_file.headers[language]])
    async for rows in read_pages(db, member, read):
        yield await asyncio.to_thread(file.rows, [line for row in rows for line in wanted_file.lines_of(row)])
    yield file.end()


def format_moscow_time(at: datetime) -> str:
    """Moscow time for a cell."""
    return at.astimezone(YEAR_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _rouble_cell(kopecks: int) -> Cell:
    return money_cell("RUB", kopecks)


def _redemption_rows(row: RedemptionRow) -> list[FileRow]:
    sums = (
        _rouble_cell(row.base),
        _rouble_cell(row.discount),
        money_cell(row.currency, row.bonus),
        _rouble_cell(row.returned_base),
        _rouble_cell(row.returned_discount),
        money_cell(row.currency, row.returned_bonus),
    )
    return [
        (
            row.id,
            format_moscow_time(row.at),
            row.status,
            row.code,
            row.code_id,
            row.run,
            row.campaign,
            row.shop or "",
            row.shop_number,
            row.card_number or "",
            *sums,
            row.currency,
            row.reason or "",
        )
    ]


def _scan_rows(row: ScanRow) -> list[FileRow]:
    paid = "" if row.amount is None else money_cell(row.currency or "", row.amount)
    return [
        (
            row.id,
            format_moscow_time(row.at),
            row.status,
            row.kind,
            row.code_id,
            row.card_number or "",
            row.sku or "",
            row.campaign or "",
            paid,
            row.currency or "",
        )
    ]


def _receipt_rows(row: ReceiptRow) -> list[FileRow]:
    """A row of the file for each receipt line of the brand."""
    fn, _, fd = row.identity.partition(":")
    total = "" if row.total is None else _rouble_cell(row.total)
    head = (row.id, format_moscow_time(row.sent_at), row.state, row.card_number or "", fn, fd, total, row.shop or "")
    return [
        (
            *head,
            line["n"] + 1,
            line["name"],
            line["sku"] or "",
            line["quantity"],
            _rouble_cell(line["sum"]),
            line["state"],
            line["amount"],
            line["returned"],
            line["reason"] or "",
        )
        for line in row.lines
    ]


REDEMPTION_FILE = ListFile(lists.REDEMPTION_LIST, HEADERS["redemptions"], _redemption_rows)
SCAN_FILE = ListFile(lists.SCAN_LIST, HEADERS["scans"], _scan_rows)
RECEIPT_FILE = ListFile(lists.RECEIPT_LIST, HEADERS["receipts"], _receipt_rows)
