"""Unicode normalization of typed and pasted text: invisible characters, spaces, widths, surrounding punctuation.

Text copied from messengers, web pages and spreadsheets carries zero-width characters, spaces of many kinds, full-width
letters and digits, quotes and a full stop. `remove_invisible` is for text that is stored as shown (an SKU, a name, a
partner's code), `strip_punctuation` for text that is parsed as a code. `codes.symbols.fold` starts with the latter.
"""

import unicodedata

# Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt): rendered as nothing. Among them are direction
# marks, joiners, soft hyphens, variation selectors and tags.
_IGNORED_RANGES = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_EMPTY_BRAILLE = 0x2800  # a symbol in Unicode, rendered as a space
_SPACE_CATEGORIES = ("Zs", "Zl", "Zp")
_WIDTHS = ("<wide>", "<narrow>", "<font>")  # decompositions to the same letter in another width or face

# No code of ours begins or ends with one of these.
_QUOTES = "\"'`´«»‹›„“”‟‚‘’‛′″〝〞"
_BRACKETS = "()[]{}<>"
_MARKS = ".,:;!?…·•*_~#№|。、"
_ASCII_SPACES = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
# Other brackets, quotes, marks and pictures, which messengers and phones put around a code.
_SURROUNDING_CATEGORIES = ("Ps", "Pe", "Pi", "Pf", "Po", "So", "Sk", "Co")
PUNCTUATION = _QUOTES + _BRACKETS + _MARKS + _ASCII_SPACES


class _InvisibleTable(dict[int, str | int | None]):
    """A table for `str.translate`, computed per character: a complete dictionary would have thousands of rows."""

    def __missing__(self, point: int) -> str | int | None:
        if point < 0x80:
            return point
        if any(first <= point <= last for first, last in _IGNORED_RANGES):
            return None
        is_space = point == _EMPTY_BRAILLE or unicodedata.category(chr(point)) in _SPACE_CATEGORIES
        return " " if is_space else point


class _WidthTable(dict[int, str | int]):
    def __missing__(self, point: int) -> str | int:
        kind = unicodedata.decomposition(chr(point)).partition(" ")[0]
        return unicodedata.normalize("NFKC", chr(point)) if kind in _WIDTHS else point


_INVISIBLE, _WIDTH = _InvisibleTable(), _WidthTable()


def remove_invisible(text: str) -> str:
    """The text composed (NFC), without invisible characters, with plain spaces and none at its ends.

    Control characters stay: the separator of GS1 is one.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    return text.strip(_ASCII_SPACES)


def normalize(text: str) -> str:
    """The text composed (NFC), without invisible characters, with plain spaces and letters of normal width."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(_INVISIBLE).translate(_WIDTH))


def strip_punctuation(text: str) -> str:
    """The normalized text without quotes, brackets, punctuation and pictures around it."""
    plain = normalize(text).strip(PUNCTUATION)
    if plain.isascii():
        return plain
    first = next((at for at, sign in enumerate(plain) if not _is_surrounding(sign)), len(plain))
    after = next((at for at in range(len(plain), first, -1) if not _is_surrounding(plain[at - 1])), first)
    return plain[first:after]


def _is_surrounding(sign: str) -> bool:
    return sign in PUNCTUATION or (sign > "\x7f" and unicodedata.category(sign) in _SURROUNDING_CATEGORIES)


def remove_accents(text: str) -> str:
    """A composed text without combining marks, such as a stress mark; composed letters such as й stay."""
    return "".join(sign for sign in text if unicodedata.category(sign) not in ("Mn", "Me"))
