"""Finds changes of a product that a spreadsheet, another encoding or a cut file caused by accident."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.core.http.errors import DomainError, Invalid
from backend.core.tabular import changes
from backend.programmes.products.import_reader import ParsedRow, RowTooShort

SHOWN_LENGTH = 60  # of a value in a sentence


class ValueChangedInvalid(Invalid):
    """A spreadsheet or an encoding seems to have changed this: it was {value}. Change it by hand if you mean it."""

    code = "value_changed_invalid"


def suspected_damage(row: ParsedRow, before: Mapping[str, Any]) -> Iterator[tuple[str, DomainError]]:
    """Fields of a product whose new value looks damaged, each with the reason."""
    for field, new in row.values.items():
        old = before[field]
        if old == new:
            continue
        pairs = _comparable_texts(old, new)
        if any(changes.is_damaged(*pair) for pair in pairs) or _has_lost_decimal_point(row, field, old):
            yield field, ValueChangedInvalid(value=display_text(field, old)[:SHOWN_LENGTH])
        elif field == row.last and _is_cut(row, field, old):
            yield field, RowTooShort()


def ignore_blank_changes(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row, with the old value where only blanks differ."""
    return {field: _unless_blanks_differ(value, before[field]) for field, value in values.items()}


def display_text(field: str, value: Any) -> str:
    """A value as it is written in a file."""
    if isinstance(value, list):
        return "|".join(value)
    if field == "archived":
        return "да" if value else ""
    if field == "price" and value is not None:
        return f"{value // 100}.{value % 100:02}"
    return "" if value is None else str(value)


def _is_cut(row: ParsedRow, field: str, old: Any) -> bool:
    """Whether the file ends within the old value."""
    if field != "price" or old is None:
        return changes.is_cut(display_text(field, old), row.last_text)
    before = display_text(field, old) if row.has_roubles else str(old)
    return changes.is_cut(before, row.last_text.replace(",", "."))


def _has_lost_decimal_point(row: ParsedRow, field: str, old: Any) -> bool:
    """Whether 450,50 became 45050: in a spreadsheet of another locale the comma is no decimal sign."""
    return field == "price" and row.has_roubles and bool(old) and row.values[field] == 100 * old


def _unless_blanks_differ(new: Any, old: Any) -> Any:
    if isinstance(new, str) and isinstance(old, str) and changes.is_same_line(old, new):
        return old
    if isinstance(new, list) and len(new) == len(old) and all(map(changes.is_same_line, old, new)):
        return old
    return new


def _comparable_texts(old: Any, new: Any) -> list[tuple[str, str]]:
    """Pairs of texts to compare: entries of lists of the same length, or else the joined lists. Numbers have none."""
    if isinstance(old, list):
        return list(zip(old, new, strict=True)) if len(old) == len(new) else [("|".join(old), "|".join(new))]
    return [(old, new)] if isinstance(old, str) and isinstance(new, str) else []
