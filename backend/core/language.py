"""The caller's language, and translation into it. English sentences are in the code, others in .po files."""

import re
from contextvars import ContextVar
from functools import cache
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
FORMATTED = re.compile(r"(\D*)1(\D)234(?:\2)567(?:(\D)89)?(\D*)")
POINTS = {"one": "балл", "few": "балла", "other": "баллов"}


def negotiate(accept_language: str) -> Language:
    """Choose from an Accept-Language header (RFC 9110, 12.5.4); English if none fits."""
    preferences = []
    for part in accept_language[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            preferences.append((-float(quality or 1), tag.replace("-", "_")))
        except ValueError:
            continue
    # Speakers of neighbouring languages often list their own first and Russian next.
    chosen = negotiate_locale([tag for _, tag in sorted(preferences, key=lambda row: row[0])], ["ru", "en"], sep="_")
    return "ru" if chosen == "ru" else "en"


@cache
def _load_catalogue(code: Language) -> dict[str, str]:
    path = Path(__file__).parent / "locale" / f"{code}.po"
    if code == "en":
        return {}
    with path.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}


def translate(sentence: str, **values: object) -> str:
    """Translate a sentence into the caller's language, then fill in its `{name}` placeholders."""
    translated = _load_catalogue(language.get()).get(sentence, sentence)
    return translated.format(**values) if values else translated


def money(amount: int, currency: str) -> str:
    """An amount in minor units, as people write it: '1 234,50 ₽', '12 баллов'."""
    return _format_money(amount, currency, language.get())


def _format_money(amount: int, currency: str, code: Language) -> str:
    before, group, point, after = _number_format(currency, code, negative=amount < 0)
    if currency == "PTS":
        number = before + f"{abs(amount):,}".replace(",", group) + after
        if code == "ru":
            return f"{number} {POINTS[RUSSIAN_PLURAL(abs(amount))]}"
        return f"{number} point" if abs(amount) == 1 else f"{number} points"
    whole, hundredths = divmod(abs(amount), 100)
    return before + f"{whole:,}".replace(",", group) + f"{point}{hundredths:02}" + after


@cache
def _number_format(currency: str, code: Language, *, negative: bool) -> tuple[str, ...]:
    """The texts before a number, between thousands, before the hundredths and after it. Taken from one number formatted
    by CLDR: statements have thousands of numbers, and formatting each would cost as much as the rest of its row."""
    sign = -1 if negative else 1
    if currency == "PTS":
        shown = format_decimal(1_234_567 * sign, locale=code)
    else:
        shown = format_currency(1_234_567.89 * sign, currency, locale=code)
    match = FORMATTED.fullmatch(shown)
    if match is None:
        raise ValueError(f"{code} formats {currency} in an unknown way: {shown}")
    return match.groups("")


def localized(row: object, field: str = "name") -> str:
    """A row's text in the caller's language; the Russian one where there is no English."""
    russian, english = getattr(row, f"{field}_ru"), getattr(row, f"{field}_en")
    return str(russian if language.get() == "ru" else english or russian)
