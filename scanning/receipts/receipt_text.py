"""Finding the fields in the text of a Russian receipt's QR code, whatever it came through.

Links, percent encoding, HTML, spaces, and scanners that type like a keyboard while the Russian layout is on.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from scanning import escapes, keyboard, normalization
from scanning.receipts.receipt_lookalikes import host_of

KEYS = ("t", "s", "fn", "i", "fp")  # n may be missing
_ALL_KEYS = frozenset({*KEYS, "n"})

# Blanks that str.strip knows, and those without a width that stay behind in copied texts.
BLANKS = " \t\n\v\f\r\x00\x1c\x1d\x1e\x1f\x85\xa0\u200b\u200c\u200d\u200e\u200f\u2007\u2009\u202f\u2060\u3000\ufeff"

_FULL_STOPS = ".,;!…"  # of the sentence that a text was copied from
_QUOTES = "\"'`«»„“”‘’<>()[]"

_AMPERSAND = re.compile(r"&(?:amp;)+", re.IGNORECASE)
# What a keyboard may make of "&": Shift and 7 with Russian on is "?", on a Mac a point; 7 itself when Shift is lost.
_MADE_OF_AMPERSAND = re.compile(r"[?.,;7|](?=\s*(?:t|s|fn|i|fp|n)\s*=)", re.IGNORECASE | re.ASCII)

_BETWEEN_FIELDS = re.compile(r"\s+(?=(?:t|s|fn|i|fp|n)\s*=)", re.IGNORECASE | re.ASCII)
_BEFORE_KEY = re.compile(r"^[^=&]*[^A-Za-z_=&](?=(?:t|s|fn|i|fp|n)=)", re.IGNORECASE)  # QR: t=, Чек t=
_CONFUSABLES = str.maketrans("тѕір", "tsip")

_RUSSIAN = "йцукенгшщзхъфывіапролджэячсмитьбю"  # with the letter that Ukrainian has on the key of ы
_LATIN = "qwertyuiop[]asdsfghjkl:'zxcvbnm,."
# Caps Lock makes capitals of the Russian letters that share a key with a sign: the sign is meant all the same.
_LAYOUT = str.maketrans(_RUSSIAN + _RUSSIAN.upper(), _LATIN + _LATIN.upper())
_LAYOUT_OF_LINKS = str.maketrans({".": "/", ",": "?", "?": "&"})  # the signs, which a plain text keeps
_RUSSIAN_KEYS = re.compile(r"аз\s*=", re.IGNORECASE)

_IN_PATH = (
    re.compile(r"/rec/(?P<fn>[0-9]{16})/(?P<i>[0-9]+)/(?P<fp>[0-9]+)/?(?:#.*)?$", re.IGNORECASE),
    re.compile(r"/vaucher/[0-9]+/(?P<i>[0-9]+)/(?P<fp>[0-9]+)/?(?:#.*)?$", re.IGNORECASE),
)
_OTHER_NAMES = {"fiscalsign": "fp"}  # in links of operators


class Found(NamedTuple):
    """The fields of a text by their keys, a key that occurs twice, and the host if it is a link."""

    fields: dict[str, str]
    twice: str | None
    host: str | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys that the text does not name."""
        return tuple(key for key in KEYS if key not in self.fields)


def remove_spaces(text: str) -> str:
    """The text without spaces and invisible characters: no receipt's text has any, so they come from line wrapping.

    If there is nothing but spaces between the fields, they are separators.
    """
    text = escapes.unescape_blanks(normalization.normalize(text).replace("\x00", ""))
    if "&" not in text and "://" not in text and not _MADE_OF_AMPERSAND.search(text):
        text = _BETWEEN_FIELDS.sub("&", text)
    return "".join(text.split())


def plain(text: str) -> str:
    """The text decoded: percent encoding (twice at most), the keyboard's layout, HTML and JSON."""
    text = _strip_quotes(remove_spaces(text))
    for _ in range(2):
        if "%" in text:
            text = remove_spaces(unquote(text.replace("+", " ")))
    if keyboard.is_link(text):
        text = text.translate(_LAYOUT_OF_LINKS).translate(_LAYOUT)
    elif _RUSSIAN_KEYS.search(text):
        text = text.translate(_LAYOUT)
    else:
        text = next((reading for reading in keyboard.latin_readings(text) if "fp=" in reading.lower()), text)
    return _AMPERSAND.sub("&", _strip_quotes(escapes.unescape(text))).rstrip(_FULL_STOPS)


def _strip_quotes(text: str) -> str:
    # A quote at the end only may be the digit 1 on a Kazakh keyboard.
    return text.strip(_QUOTES) if text[:1] in _QUOTES else text


def find(text: str) -> Found:
    """The fields of a plain text. Keys are taken in any order and case, unknown ones passed over.

    Path and query of a link may not name the same field either.
    """
    host = host_of(text) if "/" in text else None
    if host is None:
        return _found(_BEFORE_KEY.sub("", text.lstrip("?" + BLANKS), count=1), {}, None)
    text = text.replace("+", " ")
    # The last question mark, for a link may carry another link; the first, where "&" has become one itself.
    start = text.rfind("?") if "&" in text else text.find("?")
    start = text.rfind("#") if start < 0 else start
    path, query = (text[:start], text[start + 1 :]) if start >= 0 else (text, "")
    return _found(query.partition("#")[0], _of_path(path), host)


def _of_path(path: str) -> dict[str, str]:
    for pattern in _IN_PATH:
        if match := pattern.search(path):
            return match.groupdict()
    return {}


def _found(text: str, fields: dict[str, str], host: str | None) -> Found:
    twice = None
    for part in text.split("&") if "&" in text else _MADE_OF_AMPERSAND.split(text):
        key, _, value = part.partition("=")
        key = key.strip(BLANKS).lower().translate(_CONFUSABLES)
        key = _OTHER_NAMES.get(key, key)
        if key not in _ALL_KEYS:
            continue
        if key in fields:
            twice = twice or key
        fields[key] = value.strip(BLANKS)
    return Found(fields, twice, host)
