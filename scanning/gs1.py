"""Article numbers and marking codes as the GS1 General Specifications have them.

Sections of release 25: 7.9 check digits, 7.8 element strings and their separators, 3 application identifiers,
7.11 the 82 characters of a serial number. Links follow GS1 Digital Link. The marking of goods in Russia
(Chestny ZNAK) is such an element string: 01 GTIN, 21 serial, then the "crypto tail" in 91 and 92, or in 93.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from stdnum import ean

from scanning.problem import GtinInvalid, NotACode

SEPARATOR = "\x1d"  # stands for FNC1 after a value of variable length

GTIN_LENGTHS = (8, 12, 13, 14)

# How a scanner says that a symbol opens with FNC1: symbology identifiers (ISO/IEC 15424), the raw code word.
_OPENINGS = ("]d2", "]C1", "]Q3", "]e0", "]J1", "\xe8", SEPARATOR)
_SEPARATOR_SIGNS = str.maketrans({"\u241d": SEPARATOR})

_SERIAL = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""")
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)")
# A tail whose separators were lost in copying. Shorter tails could as well belong to the serial.
_GLUED_TAIL = re.compile(r"(.{1,20})91.{4}92(?:.{44}|.{88})")
LONGEST_VALUE = 128  # characters; the glued tail of a marking is the longest that we take

# By its first two digits: how many digits an identifier has, if not two ...
_THREE_DIGITS = frozenset({"23", "24", "25", "40", "41", "42", "71"})
_FOUR_DIGITS = frozenset({"31", "32", "33", "34", "35", "36", "39", "43", "70", "72", "80", "81", "82"})
# ... and how long its value is where no separator follows (section 7.8.5).
_FIXED = {"00": 18, "01": 14, "02": 14, "03": 14, "04": 16, "20": 2, "41": 13}
_FIXED |= {str(prefix): 6 for prefix in (*range(11, 20), *range(31, 37))}


class Marking(NamedTuple):
    """One marked item: its article and its serial number."""

    gtin: str  # 14 digits
    serial: str
    has_crypto_tail: bool

    @property
    def text(self) -> str:
        """The element string without a tail, as read_marking takes it: the same for every spelling."""
        return f"01{self.gtin}21{self.serial}"


def read_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits. Raises GtinInvalid."""
    digits = text.replace(" ", "").replace("-", "")
    if not re.fullmatch(r"[0-9]+", digits) or len(digits) not in GTIN_LENGTHS:
        raise GtinInvalid("an article number has 8, 12, 13 or 14 digits")
    if not digits.strip("0"):
        raise GtinInvalid("an article number is not nought")
    if ean.calc_check_digit(digits[:-1]) != digits[-1]:
        raise GtinInvalid("the last digit does not fit the others")
    return digits.zfill(14)


def read_marking(text: str) -> Marking:
    """The article and serial in an element string, as a scanner gives it or with brackets, or in a link.

    Raises NotACode where the text is nothing of the kind or names no serial, GtinInvalid for a wrong GTIN.
    """
    elements = read_elements(text)
    serial = elements.get("21", "")
    tail = _GLUED_TAIL.fullmatch(serial)
    if tail:
        serial = tail[1]
    if "01" not in elements or not _SERIAL.fullmatch(serial):
        raise NotACode("a marking names an article (01) and a serial number (21) of at most 20 characters")
    has_crypto_tail = bool(tail) or "93" in elements or {"91", "92"} <= elements.keys()
    return Marking(read_gtin(elements["01"]), serial, has_crypto_tail)


def read_elements(text: str) -> dict[str, str]:
    """The values of an element string or a Digital Link by application identifier. Raises NotACode."""
    if "://" in text[:9]:
        return _elements_of_link(text)
    text = text.translate(_SEPARATOR_SIGNS)
    for opening in _OPENINGS:
        text = text.removeprefix(opening)
    return _elements_in_brackets(text) if text.startswith("(") else _elements_in_a_row(text)


def _elements_in_a_row(text: str) -> dict[str, str]:
    elements: dict[str, str] = {}
    while text:
        width = _width_of_identifier(text)
        identifier, text = text[:width], text[width:]
        if not re.fullmatch(rf"[0-9]{{{width}}}", identifier):
            raise NotACode("here no application identifier stands")
        length = _FIXED.get(identifier[:2])
        if length is None:
            value, _, text = text.partition(SEPARATOR)
        else:
            value, text = text[:length], text[length:].removeprefix(SEPARATOR)
        _add(elements, identifier, value)
    return elements


def _elements_in_brackets(text: str) -> dict[str, str]:
    """The form for people, (01)04600439931256(21)serial. Brackets round anything else belong to a value."""
    elements: dict[str, str] = {}
    marks = [mark for mark in _BRACKETED.finditer(text) if _width_of_identifier(mark[1]) == len(mark[1])]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    if not marks or marks[0].start() > 0:
        raise NotACode("the first bracket holds no application identifier")
    for mark, end in zip(marks, ends, strict=True):
        _add(elements, mark[1], text[mark.end() : end].rstrip(SEPARATOR).strip())
    return elements


def _elements_of_link(text: str) -> dict[str, str]:
    """Pairs of identifier and value in the path, from the key 01 on: https://id.example/01/GTIN/21/serial."""
    try:
        path = urlsplit(text).path
    except ValueError as error:
        raise NotACode("the link is not well formed") from error
    parts = path.rstrip("/").split("/")[1:]
    if "01" not in parts:
        raise NotACode("the link names no article")
    pairs = parts[parts.index("01") :]
    elements: dict[str, str] = {}
    for identifier, part in zip(pairs[::2], pairs[1::2], strict=False):
        value = unquote(part)
        # Before version 1.2 a link could name a shorter GTIN as it is.
        _add(elements, identifier, value.zfill(14) if identifier == "01" else value)
    return elements


def _width_of_identifier(text: str) -> int:
    """How many digits the identifier has that starts with the first two of the text."""
    return 3 if text[:2] in _THREE_DIGITS else 4 if text[:2] in _FOUR_DIGITS else 2


def _add(elements: dict[str, str], identifier: str, value: str) -> None:
    length = _FIXED.get(identifier[:2])
    if not 1 <= len(value) <= LONGEST_VALUE:
        raise NotACode(f"the value of {identifier} is missing or too long")
    if length is not None and not re.fullmatch(rf"[0-9]{{{length}}}", value):
        raise NotACode(f"the value of {identifier} has {length} digits")
    if elements.setdefault(identifier, value) != value:
        raise NotACode(f"{identifier} has two values")
