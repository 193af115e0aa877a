"""The columns of a product file: what they are called in two languages, and what their cells mean. Pure.

English headers are the API's field names, and so is the unit: `price` is in kopecks. People write `Цена, руб` or
`price_rub` and mean roubles.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from backend.errors import Invalid
from backend.programmes.products import read_gtin
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
from backend.wire import LINE_OR_NOTHING

SKU_LINE, NAME_LINE, ENTRY_LINE = re.compile(SKU), re.compile(LINE_OR_NOTHING), re.compile(ENTRY)
BREAKS, BARS = re.compile(r"[\r\n\t]+"), re.compile(r"[|\r\n]+")
YES, NO = {"yes", "true", "1", "да", "+"}, {"", "no", "false", "0", "нет", "-"}
ROUBLES = re.compile(r"(\d+|\d{1,3}(?: \d{3})+)(?:[.,](\d{1,2}))?")
SPREADSHEET_ERRORS = {"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"}


class CellEmpty(Invalid):
    """This cell must not be empty."""


class CellUnreadable(Invalid):
    """This is not a line of text."""


class CellTooLong(Invalid):
    """This is too long: {most} characters are the most."""


class SkuInvalid(Invalid):
    """This is not a SKU: up to 64 letters, digits and signs, no bar, and no blank, dot or slash at the edge."""


class ListInvalid(Invalid):
    """Separate the entries by a bar; each has up to 100 characters, and 50 are the most."""


class WarrantyInvalid(Invalid):
    """A warranty is a whole number of months, 1200 at the most."""


class RoublesInvalid(Invalid):
    """This is not a price in roubles: write 450 or 450.50."""


class KopecksInvalid(Invalid):
    """This column holds whole kopecks; for roubles call it price_rub."""


class FlagInvalid(Invalid):
    """Write yes or no."""


def _sku(cell: str) -> str:
    if not cell:
        raise CellEmpty
    if len(cell) > SKU_LENGTH or cell.startswith("/") or not SKU_LINE.search(cell):
        raise SkuInvalid
    return cell


def _name(cell: str) -> str:
    if not cell:
        raise CellEmpty
    return _name_or_nothing(cell)


def _name_or_nothing(cell: str) -> str:
    line = BREAKS.sub(" ", cell)
    if line in SPREADSHEET_ERRORS or not NAME_LINE.search(line):
        raise CellUnreadable
    if len(line) > NAME_LENGTH:
        raise CellTooLong(most=NAME_LENGTH)
    return line


def _entries(cell: str) -> list[str]:
    found = [entry.strip() for entry in BARS.split(cell) if entry.strip()]
    if len(found) > ENTRIES or any(len(entry) > ENTRY_LENGTH or not ENTRY_LINE.search(entry) for entry in found):
        raise ListInvalid
    return found


def _warranty(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{0,4}", cell) or int(cell or 0) > WARRANTY_MONTHS:
        raise WarrantyInvalid
    return int(cell or 0)


def _kopecks(cell: str) -> int | None:
    if not re.fullmatch(r"[0-9]{0,13}", cell) or int(cell or 0) > PRICE:
        raise KopecksInvalid
    return int(cell) if cell else None


def _roubles(cell: str) -> int | None:
    if not cell:
        return None
    bare = re.sub(r"\s*(₽|руб\.?|р\.)$", "", re.sub(r"\s", " ", cell), flags=re.IGNORECASE)
    found = ROUBLES.fullmatch(bare)
    if not found or len(bare) > 20:
        raise RoublesInvalid
    kopecks = int(found[1].replace(" ", "")) * 100 + int((found[2] or "").ljust(2, "0"))
    if kopecks > PRICE:
        raise RoublesInvalid
    return kopecks


def _flag(cell: str) -> bool:
    word = cell.casefold()
    if word not in YES | NO:
        raise FlagInvalid
    return word in YES


class Column(NamedTuple):
    """A column: the product's field, its headers, and what its cells mean."""

    field: str
    en: str
    ru: str
    read: Callable[[str], Any]
    others: tuple[str, ...] = ()


COLUMNS = (
    Column("sku", "sku", "Код", _sku, ("код товара", "код (sku)")),
    Column("gtin", "gtin", "Штрихкод", read_gtin, ("штрих-код", "ean", "ean13", "ean-13", "баркод")),
    Column("name_ru", "name_ru", "Наименование", _name, ("название", "товар", "name")),
    Column("name_en", "name_en", "Наименование (англ.)", _name_or_nothing, ("название (англ.)",)),
    Column("aliases", "aliases", "Синонимы", _entries, ("псевдонимы",)),
    Column("articles", "articles", "Артикулы", _entries),
    Column("warranty_months", "warranty_months", "Гарантия, мес", _warranty, ("гарантия", "гарантия (мес)")),
    Column("price", "price", "Цена, коп", _kopecks, ("price_kopecks",)),
    Column("price", "price_rub", "Цена, руб", _roubles, ("цена", "цена (руб)", "цена, ₽")),
    Column("archived", "archived", "В архиве", _flag),
)
# "Артикул" is what most files call the number that we call SKU; beside a SKU it is an article.
ARTICLE = "артикул"
EXPORTED = {
    "en": tuple(column for column in COLUMNS if column.en != "price_rub"),
    "ru": tuple(column for column in COLUMNS if column.en != "price"),
}


class ColumnMissing(Invalid):
    """The file has no column for the SKU. Its first line must name the columns: sku, name_ru, gtin, price and so on."""


class ColumnsRepeated(Invalid):
    """Two columns of the file mean the same: {first} and {second}."""


def _folded(header: str) -> str:
    return " ".join(header.replace("\ufeff", "").casefold().replace("ё", "е").split())


BY_NAME: Mapping[str, Column] = {
    _folded(name): column for column in COLUMNS for name in (column.en, column.ru, *column.others)
}


def of_headers(headers: Sequence[str]) -> list[Column | None]:
    """The columns that headers name, None for those that we do not know.

    Raises:
        ColumnMissing: none of them is the SKU. ColumnsRepeated: two name the same field.
    """
    found = [BY_NAME.get(_folded(header)) for header in headers]
    if ARTICLE in map(_folded, headers):
        has_sku = any(column and column.field == "sku" for column in found)
        found[[_folded(header) for header in headers].index(ARTICLE)] = BY_NAME["articles" if has_sku else "sku"]
    seen: dict[str, str] = {}
    for header, column in zip(headers, found, strict=True):
        if column and column.field in seen:
            raise ColumnsRepeated(first=seen[column.field], second=header)
        if column:
            seen[column.field] = header
    if "sku" not in seen:
        raise ColumnMissing
    return found


def cell(column: Column, product: Any, *, yes: str) -> str | int | Decimal:
    """What a product's cell holds in an export: texts as texts, numbers as numbers."""
    if column.field == "archived":
        return "" if product.archived_at is None else yes
    value = getattr(product, column.field)
    if isinstance(value, list):
        return "|".join(value)
    if value is None:
        return ""
    found: str | int | Decimal = Decimal(value) / 100 if column.read is _roubles else value
    return found
