"""GS1 element strings as scanners, programs and people write them, normalized for parsing.

A symbol encodes the separator FNC1 as byte 29. In transit it is written out (`<GS>`, `&#29;`, `%1D`, `^]`), doubled or
lost; characters of serial numbers are escaped for XML, JSON and links; a scanner in keyboard wedge mode types on the
active layout.
"""

import re
from urllib.parse import unquote

from scanning import escapes, keyboard, normalization
from scanning.codes import gs1_tail

SEPARATOR = "\x1d"  # FNC1 after a value of variable length
MAX_LENGTH = 1000  # characters; the longest marking code has 200, and 500 with escapes

# Characters that programs escape in links: never letters or digits.
_PERCENT = re.compile(r"^%E8|%(?:1D|2[0-9A-F]|3[A-F]|5F)", re.IGNORECASE)
_NAMES = (
    r"(?:GS1?|FNC\s*1|F1|(?:0?x|\\x|\\u00|U\+00)?1D|(?:(?:ALT|CHR|CHAR|ASCII)\s*\+?\s*)?0{0,2}29|SEP(?:ARATOR)?"
    r"|GROUP\s*SEPARATOR|(?:CTRL|\^)\s*[-+]?\s*\]|BR\s*/?|ГС|ПЫ)"
)
_WRITTEN = re.compile(
    rf"[<(\[{{]\s*{_NAMES}\s*[>)\]}}]|[#$@~|%'\"]GS[#$@~|%'\"]|&GS;|(?:CHR|CHAR)\(29\)|\\[xu]\{{0*1D\}}|U\+001D"
    r"|~d?029|[\\^]0?29(?=9[123]|[12348][0-9])|\\(?:F|G|GS)(?=9[123]|[12348][0-9])|~1(?=[0-9(])|%E2%90%9D"
    r"|[<(\[{'\"]\x1d[>)\]}'\"]|\^\]|[\u241d\u2194]",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"[\s\"'«“]*(?:[\]}][A-Za-z][0-9])?[^0-9A-Za-z(]*")
_GTIN = re.compile(r"^0\s*1\s*((?:[0-9]\s*){14})(2\s*1\s*)?(?=[^\s])")
_NOT_IN_SERIALS = re.compile(r"""[^!"%&'()*+,\-./0-9:;<=>?A-Z_a-z\x1d]+""")
_SEPARATORS = re.compile(r"[\s\x1d]*\x1d[\s\x1d]*")
_ASCII_PUNCTUATION = str.maketrans("“”„«»‘’‚‐‑‒–—−", '"""""\'\'\'------')
_CONFUSABLES = str.maketrans("АВЕЁКМНОРСТУХІЅЈаеёорсухіѕј", "ABEEKMHOPCTYXISJaeeopcyxisj")


def readings(text: str) -> tuple[str, ...]:
    """The element strings that a text may be: mostly one; a Cyrillic letter may be a key or a look-alike."""
    text = text[:MAX_LENGTH]
    if text.isascii():
        return (_normalize_text(text),)
    text = _ascii_punctuation(text)
    latin = text.translate(_CONFUSABLES)
    found = (*keyboard.latin_readings(text), *((latin,) if latin.isascii() or latin == text else ()))
    return tuple(dict.fromkeys(_normalize_text(reading) for reading in found or (text,)))


def _ascii_punctuation(text: str) -> str:
    text = normalization.normalize(text).translate(_ASCII_PUNCTUATION)
    return text[1:] if text[:1] in "ишè" else text  # FNC1 is codeword 232, which programs decode as one of these


def _normalize_text(text: str) -> str:
    is_quoted, is_csv = text.lstrip()[:1] == '"', "\\" not in text
    text = _WRITTEN.sub(SEPARATOR, _unescape_text(text))
    prefix = _PREFIX.match(text)
    text = text[prefix.end() :] if prefix else text
    if is_quoted and text.rstrip().endswith('"'):
        text = text.rstrip()[:-1]
        text = text.replace('""', '"') if is_csv else text
    text = _GTIN.sub(lambda head: "".join(f"01{head[1]}{head[2] or ''}".split()), text, count=1)
    text = text if text.startswith("(") else _restore_separator(text)
    return _SEPARATORS.sub(SEPARATOR, text)


def _unescape_text(text: str) -> str:
    for _ in range(escapes.MAX_DEPTH):
        before, text = text, _PERCENT.sub(lambda found: unquote(found[0], "latin-1"), escapes.unescape(text))
        if text == before:
            break
    return text


def _restore_separator(text: str) -> str:
    """Replace characters that no serial number has: by a separator before a tail, by nothing at a line break."""
    for run in _NOT_IN_SERIALS.finditer(text):
        rest = _NOT_IN_SERIALS.sub(SEPARATOR, text[run.end() :])
        if gs1_tail.is_tail(rest.replace(SEPARATOR, "")):
            return _join_lines(text[: run.start()]) + SEPARATOR + rest
    return _join_lines(text)


def _join_lines(text: str) -> str:
    """Undo line wrapping; single spaces stay."""
    return _NOT_IN_SERIALS.sub(lambda run: "" if run[0].isspace() and run[0].strip(" ") else run[0], text)
