"""The caller's language, and every sentence a person reads in it. English stands in the code, the rest in .po files."""

from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from babel.core import negotiate_locale
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.plural import to_python

Language = Literal["ru", "en"]

language: ContextVar[Language] = ContextVar("language", default="en")

# CLDR plural rules: 1 балл, 3 балла, 11 баллов.
RUSSIAN_PLURAL = to_python(
    {
        "one": "v = 0 and i % 10 = 1 and i % 100 != 11",
        "few": "v = 0 and i % 10 = 2..4 and i % 100 != 12..14",
    }
)
POINTS = {"one": "балл", "few": "балла", "other": "баллов"}


def negotiate(accept_language: str) -> Language:
    """Choose from an Accept-Language header (RFC 9110, 12.5.4); English when nothing fits."""
    wanted = []
    for part in accept_language[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.replace("-", "_")))
        except ValueError:
            continue
    # Neighbours who read Russian more often than English ask for their own language first and Russian next.
    found = negotiate_locale([tag for _, tag in sorted(wanted, key=lambda row: row[0])], ["ru", "en"], sep="_")
    return "ru" if found == "ru" else "en"


@cache
def _catalogue(code: Language) -> dict[str, str]:
    path = Path(__file__).parent / "locale" / f"{code}.po"
    if code == "en":
        return {}
    with path.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}


def say(sentence: str, **values: object) -> str:
    """A sentence in the caller's language; `{name}` places are filled in after translation."""
    found = _catalogue(language.get()).get(sentence, sentence)
    return found.format(**values) if values else found


def money(amount: int, currency: str) -> str:
    """An amount in minor units, as people write it: '1 234,50 ₽', '12 баллов'."""
    return _money(amount, currency, language.get())


@lru_cache(maxsize=4096)
def _money(amount: int, currency: str, code: Language) -> str:
    if currency == "PTS":
        number = format_decimal(amount, locale=code)
        if code == "ru":
            return f"{number} {POINTS[RUSSIAN_PLURAL(abs(amount))]}"
        return f"{number} point" if abs(amount) == 1 else f"{number} points"
    return format_currency(amount / 100, currency, locale=code)
