"""Damage that spreadsheets and other programs leave instead of a value, recognized by the text."""

import re

from backend.core.tabular.encodings import DAMAGED

# Without an exclamation or question mark in their language: not available, and what has no number.
_BARE_ERRORS = frozenset(
    [
        "#N/A",
        "#Н/Д",
        "#NV",
        "#N/D",
        "#YOK",
        "#N/B",
        "#I/T",
        "#NA",
        "#REF",
        "#REF!",
        "#VALUE",
        "#VALUE!",
        "#NAME",
        "#NAME?",
        "#NULL",
        "#NULL!",
        "#NUM",
        "#NUM!",
        "#DIV/0",
        "#DIV/0!",
        "#ИМЯ",
        "#ИМЯ?",
        "#ССЫЛКА",
        "#ССЫЛКА!",
        "#ЗНАЧ",
        "#ЗНАЧ!",
        "#ЧИСЛО",
        "#ЧИСЛО!",
        "#ПУСТО",
        "#ПУСТО!",
        "#ДЕЛ/0",
        "#ДЕЛ/0!",
        "#НД",
        "#N.B.",
        "#HIÁNYZIK",
        "#NENÍ_K_DISPOZICI",
        "#GETTING_DATA",
        "#ЗАГРУЗКА_ДАННЫХ",
        "#N/V",
        "#NOD",
        "#BRAK",
        "#ND",
        "#Ж/Қ",
        "#Қ/Ж",
        "#К/Қ",
    ]
)
# #REF! #ССЫЛКА! #¡VALOR! #¿NOMBRE? #DIV/0! #ДЕЛ/0! #SAYI/0! #ІМ'Я? and so on, always in capitals.
_ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/'’. -]{0,40}[!?]|#[^\W\d_]{1,3}/[^\W\d_]{1,3}!?")
_PROGRAM_ERROR = re.compile(r"(?:Err|Ошибка|Помилка|Fehler|Erreur|Błąd|Error)\s?:\s?\d{3}", re.IGNORECASE)
# What programs write where they had no value.
_NO_VALUES = frozenset(
    ["nan", "NaN", "NAN", "NaT", "<NA>", "null", "NULL", "None", "undefined", "[object Object]", "Loading..."]
)
_NARROW = re.compile(r"#{3,}")  # a column that was too narrow when its display was copied
# 4,6E+12 4.60712E+12 1E+05 1.E+05 and, where a program wrote it, 4.6e12.
_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]*)?[eEеЕ][+-][0-9]{1,3}|[+-]?[0-9][.,][0-9]+[eEеЕ][0-9]{1,3}")
_DECIMAL = re.compile(r"[0-9]{6,}\.0+", re.ASCII)
_QUESTION_MARKS = re.compile(r"(?<![^\W_])\?{3,}")
_MONTHS = "янв|фев|мар|апр|май|мая|июн|июл|авг|сен|окт|ноя|дек|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?)?"
# With two digits of a year only what spreadsheets write: 02.11.24 and 11/2/24, not 1.2.24, 40/40/20 or 10-20-30.
_NUMBER_OF_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_SHORT_DAY = rf"(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.\d{{2}}|{_NUMBER_OF_DAY}/{_NUMBER_OF_DAY}/\d{{2}}"
_DAY = re.compile(
    rf"(?:\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{4}}|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}|{_SHORT_DAY}){_TIME}"
    rf"|\d{{1,2}}[. -](?:{_MONTHS})\w{{0,6}}\.?(?:[. -]\d{{2,4}})?(?: г\.?)?"
    rf"|(?:{_MONTHS})\w{{0,6}}\.?[. -]\d{{2,4}}(?: г\.?)?",
    re.IGNORECASE,
)
EXACT_DIGITS = 15
# What the first byte of a letter in UTF-8 is in the encodings of Windows and of DOS.
_FIRST_BYTES = {"cp125": re.compile("[РСÐÑÂÃ]"), "latin": re.compile("[ÐÑÂÃ]"), "cp866": re.compile("[╨╤]")}


def is_error(text: str) -> bool:
    """Whether this is what a spreadsheet writes where a formula failed, in any language."""
    if text[:1] == "#":
        if _NARROW.fullmatch(text) or text.upper() in _BARE_ERRORS:
            return True
        return text == text.upper() and _ERROR.fullmatch(text) is not None
    return text in _NO_VALUES or _PROGRAM_ERROR.fullmatch(text) is not None


def is_shortened(text: str) -> bool:
    """Whether this is a long number of which only some digits are left."""
    return _SHORTENED.fullmatch(text) is not None


def is_decimal(text: str) -> bool:
    """Whether this is what a program makes of a long number that it took for a fraction: 4607123456789.0."""
    return _DECIMAL.fullmatch(text) is not None


def is_rounded(text: str) -> bool:
    """Whether all digits beyond the fifteenth are noughts, as a spreadsheet leaves them of a longer number."""
    return len(text) > EXACT_DIGITS and text.isascii() and text.isdigit() and not text[EXACT_DIGITS:].strip("0")


def is_day(text: str) -> bool:
    """Whether this is what a spreadsheet makes of 1-2 or 10/12."""
    return _DAY.fullmatch(text) is not None


def is_broken(text: str, encoding: str = "cp1251") -> bool:
    """Whether bytes of this text were lost, or read in another encoding than they were written in.

    Lone surrogates are bytes that were no text here; U+FFFD and nothing but question marks are what other programs
    leave of them; `Р Рѕ` and `Ð` are UTF-8 that was read as Windows', `╨Ю` as DOS'.
    """
    if text.isascii():
        return "??" in text and (not any(sign.isalpha() for sign in text) or _QUESTION_MARKS.search(text) is not None)
    if "\ufffd" in text or DAMAGED.search(text):
        return True
    return any(_is_utf_8(text, name) for name in {encoding, "cp1251", "cp1252", "latin-1", "cp866"})


def _is_utf_8(text: str, encoding: str) -> bool:
    first = _FIRST_BYTES.get(encoding[:5])
    if encoding.startswith("utf") or (first is not None and not first.search(text)):
        return False
    try:
        meant = text.encode(encoding).decode("utf-8")
    except (UnicodeError, LookupError):
        return False
    return len(text) - len(meant) > 1
