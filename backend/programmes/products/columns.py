"""The columns of a product file: their headers in two languages, and how their cells are parsed. Pure.

English headers and units are those of the API: `price` is in kopecks. `Цена, руб` and `price_rub` are in roubles.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from backend.core.http.errors import Invalid
from backend.core.http.models import LINE_OR_NOTHING
from backend.core.tabular import values
from backend.core.tabular.cells import Cell
from backend.core.tabular.headers import folded
from backend.programmes.products.service import read_gtin
from backend.programmes.schemas import (
    ENTRIES,
    ENTRY,
    ENTRY_LENGTH,
    NAME_LENGTH,
    PRICE,
    SKU,
    SKU_LENGTH,
    WARRANTY_MONTHS,
)

SKU_LINE, NAME_LINE, ENTRY_LINE = re.compile(SKU), re.compile(LINE_OR_NOTHING), re.compile(ENTRY)
BREAKS, BARS = re.compile(r"[\r\n\t]+"), re.compile(r"[|\r\n]+")
YES, NO = {"yes", "true", "1", "да", "+", "истина"}, {"", "no", "false", "0", "нет", "-", "ложь"}
ROUBLES = re.compile(r"(\d+|\d{1,3}(?: \d{3})+)(?:[.,](\d{1,2}))?")


class CellEmpty(Invalid):
    """This cell must not be empty."""

    code = "cell_empty"


class CellUnreadable(Invalid):
    """This is not a line of text."""

    code = "cell_unreadable"


class CellTooLong(Invalid):
    """This is too long: at most {most} characters are allowed."""

    code = "cell_too_long"


class SkuInvalid(Invalid):
    """This is not a SKU: up to 64 letters, digits and signs, no bar, and no blank, dot or slash at the edge."""

    code = "sku_invalid"


class ListInvalid(Invalid):
    """Separate the entries by a bar; each has up to 100 characters, and 50 are the most."""

    code = "list_invalid"


class WarrantyInvalid(Invalid):
    """A warranty is a whole number of months, 1200 at the most."""

    code = "warranty_invalid"


class RoublesInvalid(Invalid):
    """This is not a price in roubles: write 450 or 450.50."""

    code = "roubles_invalid"


class KopecksInvalid(Invalid):
    """This column holds whole kopecks; for roubles call it price_rub."""

    code = "kopecks_invalid"


class FlagInvalid(Invalid):
    """Write yes or no."""

    code = "flag_invalid"


def _read_sku(cell: str) -> str:
    if not cell:
        raise CellEmpty
    if len(cell) > SKU_LENGTH or cell.startswith("/") or not SKU_LINE.search(cell):
        raise SkuInvalid
    return cell


def _read_name(cell: str) -> str:
    if not cell:
        raise CellEmpty
    return _name_or_nothing(cell)


def _name_or_nothing(cell: str) -> str:
    line = BREAKS.sub(" ", cell)
    if not NAME_LINE.search(line):
        raise CellUnreadable
    if len(line) > NAME_LENGTH:
        raise CellTooLong(most=NAME_LENGTH)
    return line


def _read_maker(cell: str) -> str:
    line = _name_or_nothing(cell)
    if len(line) > ENTRY_LENGTH:
        raise CellTooLong(most=ENTRY_LENGTH)
    return line


def _split_entries(cell: str) -> list[str]:
    entries = [entry.strip() for entry in BARS.split(cell) if entry.strip()]
    if len(entries) > ENTRIES or any(len(entry) > ENTRY_LENGTH or not ENTRY_LINE.search(entry) for entry in entries):
        raise ListInvalid
    for entry in entries:
        values.check(Cell(entry))
    return entries


def _read_articles(cell: str) -> list[str]:
    return [values.code(Cell(entry)) for entry in _split_entries(cell)]


def _read_warranty(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{0,4}", cell) or int(cell or 0) > WARRANTY_MONTHS:
        raise WarrantyInvalid
    return int(cell or 0)


def _read_kopecks(cell: str) -> int | None:
    if not re.fullmatch(r"[0-9]{0,13}", cell) or int(cell or 0) > PRICE:
        raise KopecksInvalid
    return int(cell) if cell else None


def _read_roubles(cell: str) -> int | None:
    if not cell:
        return None
    bare = re.sub(r"\s*(₽|руб\.?|р\.)$", "", re.sub(r"\s", " ", cell), flags=re.IGNORECASE)
    match = ROUBLES.fullmatch(bare)
    if not match or len(bare) > 20:
        raise RoublesInvalid
    kopecks = int(match[1].replace(" ", "")) * 100 + int((match[2] or "").ljust(2, "0"))
    if kopecks > PRICE:
        raise RoublesInvalid
    return kopecks


def _read_flag(cell: str) -> bool:
    word = cell.casefold()
    if word not in YES | NO:
        raise FlagInvalid
    return word in YES


CellValue = str | int | list[str] | None  # of a field; a flag is a bool


class Column(NamedTuple):
    """A column: the product's field, its headers, the parser of its cells, and the kind of cell."""

    field: str
    en: str
    ru: str
    read: Callable[[str], CellValue]
    others: tuple[str, ...] = ()
    kind: Callable[[Cell], str] = values.text

    def value(self, cell: Cell) -> CellValue:
        """The value of a cell.

        Raises:
            DomainError: the cell is invalid in this column.
        """
        return self.read(self.kind(cell))


COLUMNS = (
    Column("sku", "sku", "Код", _read_sku, ("код товара", "код (sku)"), values.code),
    Column("gtin", "gtin", "Штрихкод", read_gtin, ("штрих-код", "ean", "ean13", "ean-13", "баркод"), values.code),
    Column("name_ru", "name_ru", "Наименование", _read_name, ("название", "товар", "name")),
    Column("name_en", "name_en", "Наименование (англ.)", _name_or_nothing, ("название (англ.)",)),
    Column("aliases", "aliases", "Синонимы", _split_entries, ("псевдонимы",)),
    Column("articles", "articles", "Артикулы", _read_articles),
    Column("maker", "maker", "Производитель", _read_maker, ("изготовитель", "manufacturer")),
    Column("trade_marks", "trade_marks", "Торговые марки", _split_entries, ("торговая марка", "бренд", "brand")),
    Column("exact_aliases", "exact_aliases", "Точные синонимы", _split_entries, ("точные названия",)),
    Column(
        "warranty_months",
        "warranty_months",
        "Гарантия, мес",
        _read_warranty,
        ("гарантия", "гарантия (мес)"),
        values.number,
    ),
    Column("price", "price", "Цена, коп", _read_kopecks, ("price_kopecks",), values.number),
    Column("price", "price_rub", "Цена, руб", _read_roubles, ("цена", "цена (руб)", "цена, ₽"), values.number),
    Column("archived", "archived", "В архиве", _read_flag, (), values.flag),
)
# Most files call the SKU "Артикул"; beside a column with the SKU it is an article.
ARTICLE = "артикул"
EXPORTED = {
    "en": tuple(column for column in COLUMNS if column.en != "price_rub"),
    "ru": tuple(column for column in COLUMNS if column.en != "price"),
}


class ColumnMissing(Invalid):
    """The file has no column for the SKU. Its first line must name the columns: sku, name_ru, gtin, price and so on."""

    code = "column_missing"


class ColumnsRepeated(Invalid):
    """Two columns of the file mean the same: {first} and {second}."""

    code = "columns_repeated"


BY_NAME: Mapping[str, Column] = {
    folded(name): column for column in COLUMNS for name in (column.en, column.ru, *column.others)
}


def count_known_headers(headers: Sequence[str]) -> int:
    """The number of known headers, which identifies a file's encoding and separator."""
    return sum((name := folded(header)) in BY_NAME or name == ARTICLE for header in headers)


def columns_of_headers(headers: Sequence[str]) -> list[Column | None]:
    """The columns of headers, None for unknown headers.

    Raises:
        ColumnMissing: none of them is the SKU. ColumnsRepeated: two name the same field.
    """
    columns = [BY_NAME.get(folded(header)) for header in headers]
    if ARTICLE in map(folded, headers):
        has_sku = any(column and column.field == "sku" for column in columns)
        columns[[folded(header) for header in headers].index(ARTICLE)] = BY_NAME["articles" if has_sku else "sku"]
    seen: dict[str, str] = {}
    for header, column in zip(headers, columns, strict=True):
        if column and column.field in seen:
            raise ColumnsRepeated(first=seen[column.field], second=header)
        if column:
            seen[column.field] = header
    if "sku" not in seen:
        raise ColumnMissing
    return columns


def export_cell(column: Column, product: Any, *, yes: str) -> str | int | Decimal:
    """The cell of a product in an export: texts as texts, numbers as numbers."""
    if column.field == "archived":
        return "" if product.archived_at is None else yes
    value = getattr(product, column.field)
    if isinstance(value, list):
        return "|".join(value)
    if value is None:
        return ""
    exported: str | int | Decimal = Decimal(value) / 100 if column.read is _read_roubles else value
    return exported
