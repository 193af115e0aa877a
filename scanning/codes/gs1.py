"""Article numbers and marking codes as the GS1 General Specifications have them.

Sections of release 25: 7.9 check digits, 7.8 element strings and their separators, 3 application identifiers,
7.11 the 82 characters of a serial number. Links follow GS1 Digital Link. The marking of goods in Russia
(Chestny ZNAK) is such an element string: 01 GTIN, 21 serial, then the "crypto tail" in 91 and 92, or in 93.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from stdnum import ean

from scanning.codes import gs1_normalization, gs1_tail
from scanning.codes.gs1_normalization import SEPARATOR
from scanning.problem import GtinInvalid, NotACode, Problem

T = TypeVar("T")

GTIN_LENGTHS = (8, 12, 13, 14)

_SERIAL = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""")
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)")
LONGEST_VALUE = 128  # characters; the glued tail of a marking is the longest that we take
EMPTY_TAIL = f"{SEPARATOR}93____"

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
        """The element string without a tail, as read_marking accepts it: the same for every spelling.

        A serial that looks like a serial and a tail without separator is delimited by an empty tail.
        """
        is_ambiguous = len(gs1_tail.serials(self.serial, frozenset())) > 1
        return f"01{self.gtin}21{self.serial}{EMPTY_TAIL if is_ambiguous else ''}"


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
    return read_markings(text)[0]


def read_markings(text: str) -> list[Marking]:
    """All items that a text may denote, mostly one; of two serials with the same start the longer comes first.

    There are several if the separator before a tail was lost and the tail may be part of the serial, or if a letter may
    be a key or a look-alike: then only a list of units decides. Raises NotACode, GtinInvalid.
    """
    return list(dict.fromkeys(marking for markings in _interpret_readings(text, _markings_of) for marking in markings))


def read_elements(text: str) -> dict[str, str]:
    """The values of an element string or a Digital Link by application identifier. Raises NotACode."""
    return _interpret_readings(text, lambda elements: elements)[0]


def _interpret_readings(text: str, interpret: Callable[[dict[str, str]], T]) -> list[T]:
    """The interpretations of all readings that have one. Raises the problem of the last reading if none has."""
    found: list[T] = []
    problem = None
    for parse, reading in _spelled_readings(text):
        try:
            found.append(interpret(parse(reading)))
        except Problem as error:
            problem = error
    if not found:
        raise problem or NotACode("the text is no element string")
    return found


def _spelled_readings(text: str) -> Iterator[tuple[Callable[[str], dict[str, str]], str]]:
    if "://" in text[:9]:
        yield _elements_of_link, text
        return
    for reading in gs1_normalization.readings(text):
        yield _elements_in_brackets if reading.startswith("(") else _elements_in_a_row, reading


def _markings_of(elements: dict[str, str]) -> list[Marking]:
    """Raises NotACode, GtinInvalid."""
    others = frozenset(elements) - {"01", "21"}
    value = elements.get("21", "")
    serials = gs1_tail.serials(value, others)
    if "01" not in elements or not serials or not _SERIAL.fullmatch(serials[0]):
        raise NotACode("a marking names an article (01) and a serial number (21) of at most 20 characters")
    gtin, has_tail = read_gtin(elements["01"]), "93" in others or {"91", "92"} <= others
    return [Marking(gtin, serial, has_tail or serial != value) for serial in serials]


def _elements_in_a_row(text: str) -> dict[str, str]:
    elements: dict[str, str] = {}
    while text:
        width = _width_of_identifier(text)
        identifier, text = text[:width], text[width:]
        if not re.fullmatch(rf"[0-9]{{{width}}}", identifier):
            raise NotACode("no application identifier here")
        length = _FIXED.get(identifier[:2])
        if length is None:
            value, _, text = text.removeprefix(SEPARATOR).partition(SEPARATOR)
        else:
            value, text = text[:length], text[length:].removeprefix(SEPARATOR)
        _add_element(elements, identifier, value)
    return elements


def _elements_in_brackets(text: str) -> dict[str, str]:
    """The form for people, (01)04600439931256(21)serial. Brackets round anything else belong to a value."""
    elements: dict[str, str] = {}
    marks = [mark for mark in _BRACKETED.finditer(text) if _width_of_identifier(mark[1]) == len(mark[1])]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    if not marks or marks[0].start() > 0:
        raise NotACode("the first bracket holds no application identifier")
    for mark, end in zip(marks, ends, strict=True):
        _add_element(elements, mark[1], text[mark.end() : end].rstrip(SEPARATOR).strip())
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
        _add_element(elements, identifier, value.zfill(14) if identifier == "01" else value)
    return elements


def _width_of_identifier(text: str) -> int:
    """How many digits the identifier has that starts with the first two of the text."""
    return 3 if text[:2] in _THREE_DIGITS else 4 if text[:2] in _FOUR_DIGITS else 2


def _add_element(elements: dict[str, str], identifier: str, value: str) -> None:
    length = _FIXED.get(identifier[:2])
    if not 1 <= len(value) <= LONGEST_VALUE:
        raise NotACode(f"the value of {identifier} is missing or too long")
    if length is not None and not re.fullmatch(rf"[0-9]{{{length}}}", value):
        raise NotACode(f"the value of {identifier} has {length} digits")
    if elements.setdefault(identifier, value) != value:
        raise NotACode(f"{identifier} has two values")
