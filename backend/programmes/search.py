"""Text search of products: one folded line for each product, and LIKE patterns for the typed words."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine.default import DefaultExecutionContext

from scanning import normalization
from scanning.codes import symbols


def fold_text(text: str) -> str:
    """Fold case, invisible characters and look-alike letters of two alphabets: РА16 (Cyrillic) equals PA16."""
    return normalization.normalize(text).upper().translate(symbols.CONFUSABLES_TABLE)


def search_line(
    sku: str,
    gtin: str | None,
    name_ru: str,
    name_en: str = "",
    aliases: Iterable[str] = (),
    articles: Iterable[str] = (),
    maker: str = "",
    trade_marks: Iterable[str] = (),
    exact_aliases: Iterable[str] = (),
) -> str:
    """All names and numbers of a product in one folded line."""
    makers = [maker] if maker else []
    terms = (sku, gtin or "", name_ru, name_en, *aliases, *articles, *makers, *trade_marks, *exact_aliases)
    return fold_text("\n".join(terms))


def search_line_of_row(context: DefaultExecutionContext) -> str:
    """The search line of a product that is being inserted."""
    row: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    names = (row["sku"], row.get("gtin"), row["name_ru"], row.get("name_en") or "")
    lists = (row.get("aliases") or (), row.get("articles") or ())
    return search_line(
        *names, *lists, row.get("maker") or "", row.get("trade_marks") or (), row.get("exact_aliases") or ()
    )


def like_patterns(query: str) -> list[str]:
    """LIKE patterns, one for each typed word (eight at most); all must match, in any order."""
    return ["%" + _escape_word(word) + "%" for word in fold_text(query).split()[:8]]


def _escape_word(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
