"""Figures as CSV or XLSX: a line for each, then the totals."""

from collections.abc import AsyncIterator, Sequence

from backend.core.db.database import Database
from backend.core.language import Language
from backend.core.tabular.output.table_files import Cell, Format, table_file
from backend.identity.brands.authentication import Member, brand_transaction
from backend.reporting.figures import service as figures
from backend.reporting.figures.service import FigureRow, GroupedBy
from backend.reporting.lists.files import Headers
from backend.reporting.lists.list_filters import Filters
from backend.spending.accounting.files import money_cell

MAX_ROWS = 1_000_000  # of a file
HEADERS: Headers = {
    "en": (
        "key",
        "name",
        "programme",
        "currency",
        "count",
        "base",
        "bonus",
        "discount",
        "base_returned",
        "bonus_returned",
        "discount_returned",
        "cost",
    ),
    "ru": (
        "Ключ",
        "Название",
        "Программа",
        "Валюта бонуса",
        "Количество",
        "База, руб",
        "Бонус",
        "Скидка, руб",
        "Возвращено, руб",
        "Возврат бонуса",
        "Возврат скидки, руб",
        "Стоимость, руб",
    ),
}
TOTAL: dict[Language, str] = {"en": "total", "ru": "Итого"}


async def export_figures(
    db: Database, member: Member, by: GroupedBy, wanted: Filters, kind: Format, language: Language
) -> AsyncIterator[bytes]:
    """All figures of a period as a file, in chunks. Sums in roubles, bonuses in roubles or points."""
    file = table_file(kind, language)
    async with brand_transaction(db, member) as session:
        rows = await figures.aggregate_figures(session, member, by, wanted, MAX_ROWS)
    yield file.rows([HEADERS[language]])
    yield file.rows(_format_row(row, TOTAL[language]) for row in rows)
    yield file.end()


def _format_row(row: FigureRow, total: str) -> Sequence[Cell]:
    unit = row.currency
    cost = row.bonus - row.bonus_back + row.discount - row.discount_back
    return (
        total if row.is_total else row.shown or "",
        row.name or "",
        row.programme or "",
        unit,
        row.times,
        money_cell("RUB", row.base),
        money_cell(unit, row.bonus),
        money_cell("RUB", row.discount),
        money_cell("RUB", row.base_back),
        money_cell(unit, row.bonus_back),
        money_cell("RUB", row.discount_back),
        money_cell("RUB", cost) if unit == "RUB" else "",
    )
