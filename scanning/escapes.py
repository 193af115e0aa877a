"""Escape sequences of XML and HTML, JSON and spreadsheet cells."""

import re

MAX_DEPTH = 4  # of escapes within escapes

_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": " "}
_ESCAPE = re.compile(
    r"&(?P<entity>lt|gt|amp|quot|apos|nbsp);|&#0*(?P<decimal>[0-9]{2,3});|&#x0*(?P<hex>[0-9a-f]{2});"
    r"|\\u\{?00(?P<unicode>[0-9a-f]{2})\}?|\\x(?P<byte>[0-9a-f]{2})|\\0?(?P<octal>35)|\\(?P<sign>[\"'/\\<>&])"
    r"|_x00(?P<cell>[0-9a-f]{2})_",
    re.IGNORECASE,
)
_WRITTEN_BLANK = re.compile(
    r"&nbsp;|&#(?:0*(?:9|10|13|160)|x0*(?:9|a|d|a0));|_x00(?:09|0a|0d|a0)_|\\[nrt]|<br\s*/?>", re.IGNORECASE
)
_FNC1 = 0xE8  # its codeword in a DataMatrix symbol


def unescape(text: str) -> str:
    """The text with its escapes of ASCII characters replaced; everything else stays."""
    for _ in range(MAX_DEPTH):
        if "&" not in text and "\\" not in text and "_x00" not in text.lower():
            break
        before, text = text, _ESCAPE.sub(_character, text)
        if text == before:
            break
    return text


def unescape_blanks(text: str) -> str:
    """The text with a space for each blank and line break that is written out, as HTML, JSON and spreadsheets do."""
    return _WRITTEN_BLANK.sub(" ", text) if "&" in text or "\\" in text or "_x00" in text or "<" in text else text


def _character(escape: re.Match[str]) -> str:
    kind = escape.lastgroup or ""
    value = escape[kind]
    if kind in ("entity", "sign"):
        return _ENTITIES.get(value.lower(), value)
    point = int(value, {"decimal": 10, "octal": 8}.get(kind, 16))
    return chr(point) if point < 0x80 or point == _FNC1 else escape[0]
