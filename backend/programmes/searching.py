"""How products are found by a few typed letters: one folded line for each product, and what is asked of it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine.default import DefaultExecutionContext


def folded(text: str) -> str:
    """Case and the dots of ё do not matter, however the database sorts its letters."""
    return text.casefold().replace("ё", "е")


def line(
    sku: str,
    gtin: str | None,
    name_ru: str,
    name_en: str = "",
    aliases: Iterable[str] = (),
    articles: Iterable[str] = (),
) -> str:
    """Everything by which people know a product, in one folded line."""
    return folded("\n".join((sku, gtin or "", name_ru, name_en, *aliases, *articles)))


def line_of_row(context: DefaultExecutionContext) -> str:
    """The line of a product that is being inserted."""
    row: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    names = (row["sku"], row.get("gtin"), row["name_ru"], row.get("name_en") or "")
    return line(*names, row.get("aliases") or (), row.get("articles") or ())


def patterns(asked: str) -> list[str]:
    """LIKE patterns, all of which must fit: the words that were typed, in any order."""
    return ["%" + _escaped(word) + "%" for word in folded(asked).split()[:8]]


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
