"""docs/errors.md: every error code and every reason of a result, with what a person reads in both languages."""

from collections.abc import Iterable, Iterator, Mapping

from backend.checkout import reasons as checkout
from backend.core.http.errors import DomainError, all_errors
from backend.core.language import language, translate
from backend.earning.receipts import reasons as receipts
from backend.earning.scans import schemas as scans
from backend.spending import reasons as orders

HEAD = """# Errors

Written by `scanback openapi` from the code; `make check` compares both.

A request that is refused gets problem details (RFC 9457): `status`, a stable `code`, `detail` in the caller's language
(`Accept-Language`), and `type`, which leads to this table on the installation itself (`/docs/problems#code`). A result
that is not what the caller hoped for (a scan that earns nothing, a code that takes nothing off) is no error: the
response is 200 and names a `reason`.
"""
REASONS: dict[str, Mapping[str, str]] = {
    "Scans": {code: str(text) for code, text in scans.REASONS.items() if code not in receipts.REASONS},
    "Receipts": receipts.RECEIPT_REASONS,
    "Lines of receipts": receipts.LINE_REASONS,
    "Checks of receipts (`check`)": receipts.CHECK_TEXTS,
    "Promo codes in quotes and sales": checkout.TEXTS,
    "Orders": orders.REASONS,
}


def page(errors: Iterable[type[DomainError]] = ()) -> str:
    """The page as Markdown. Call it when the application is composed, so that all error classes are loaded."""
    parts = [HEAD, *_status_tables(list(errors) or all_errors()), *_reason_tables()]
    return "\n".join(parts)


def _status_tables(errors: list[type[DomainError]]) -> Iterator[str]:
    for status, title in sorted({(error.status, error.title()) for error in errors}):
        rows = {(error.code, error.message()) for error in errors if error.status == status}
        yield _markdown_table(f"{status} {title}", "code", rows)


def _reason_tables() -> Iterator[str]:
    for heading, texts in REASONS.items():
        yield _markdown_table(f"Reasons: {heading}", "reason", texts.items())


def _markdown_table(heading: str, column: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [
        f"| `{code}` | {_translated_cell(text, 'en')} | {_translated_cell(text, 'ru')} |" for code, text in sorted(rows)
    ]
    return "\n".join([f"## {heading}", "", f"| {column} | English | Russian |", "|---|---|---|", *lines, ""])


def _translated_cell(sentence: str, code: str) -> str:
    token = language.set("ru" if code == "ru" else "en")
    try:
        return translate(sentence).replace("|", "\\|")
    finally:
        language.reset(token)
