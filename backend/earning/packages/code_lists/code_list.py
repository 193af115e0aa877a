"""Checks the codes of a code list. Pure; code_file.py reads them."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from backend.core.tabular import lost_zeros
from scanning import payload
from scanning.codes import gs1, symbols
from scanning.problem import Problem

Reason = Literal[
    "unreadable",
    "too_long",
    "own_code",
    "other_kind",
    "guessable",
    "not_marking",
    "other_product",
    "repeated",
    "taken",
    "serial_unclear",
    "second_column",
    "row_too_short",
    "cell_error_invalid",
    "formula_invalid",
    "merged_cell_invalid",
    "shortened_number_invalid",
    "date_cell_invalid",
    "number_format_invalid",
    "leading_zeros_invalid",
]

MAX_CODE_LENGTH = 200  # characters
SEPARATORS = re.compile(r"[;,\t|]")
# 15 digits, or 10 letters and digits: among a million such codes a guess succeeds with a chance of 4 in 10^9.
MIN_BITS = 48
MIN_SYMBOLS = 4  # different ones
# Rows that differ from the previous row only in the last two symbols are a sequence, if there are many of them.
SEQUENCE_SYMBOLS, SEQUENCE_SHARE, SEQUENCE_MIN_ROWS = 2, 0.1, 20


class CodeRow(NamedTuple):
    """A line with a code: its number in the file, and either the code to store or the reason why it is refused."""

    line: int
    code: str
    reason: Reason | None = None


_BLANKS = re.compile(r"[^\S\x1c-\x1f]+")  # GS separates the values of a marking code
_RUSSIAN_WORD = re.compile("[а-яё]{3}")
_SERIES = re.compile("[A-Z]{1,2}")
_LINK_PARTS = re.compile(r"[/=?&#]")

# The code to store, or "" and the reason why it is refused.
CheckedCode = tuple[str, Reason | None]
CodeCheck = Callable[[str], CheckedCode]


class SequenceDetector:
    """Detects whether the codes of a file are a sequence: from one code the next could be guessed."""

    def __init__(self) -> None:
        self.rows = self.near = 0
        self._before = ""

    def watch(self, code: str) -> None:
        """Add the next code."""
        self.rows += 1
        self.near += len(code) == len(self._before) and code[:-SEQUENCE_SYMBOLS] == self._before[:-SEQUENCE_SYMBOLS]
        self._before = code

    @property
    def found(self) -> bool:
        """Whether the codes are a sequence."""
        return self.rows >= SEQUENCE_MIN_ROWS and self.near > self.rows * SEQUENCE_SHARE


def check_code(code: str) -> CheckedCode:
    """Check that a code differs from all other kinds of scanned codes, and that it cannot be guessed."""
    if not code:
        return "", "unreadable"
    if len(code) > MAX_CODE_LENGTH:
        return "", "too_long"
    if not symbols.fold(code).isprintable():
        return "", "unreadable"
    kind = payload.classify(code).kind
    if kind == "package":
        return "", "own_code"
    if kind != "unknown":
        return "", "other_kind"
    return ("", "guessable") if is_guessable(code) else (code, None)


def is_two_columns(code: str) -> bool:
    """Whether a line may be a code with another column, so that a scan would not give the whole line."""
    return _has_more_than_code(_BLANKS.split(code)) or SEPARATORS.search(code) is not None


def _has_more_than_code(parts: Sequence[str]) -> bool:
    """Whether parts between blanks are a heading, or one of them is a code by itself, so that the others are more than
    it: `1. CODE`, `CODE 16A`. A code that is printed in groups has no such part, except after the one or two letters
    of its series: `Q CODE`."""
    if len(parts) < 2:
        return False
    if len(parts) == 2 and _SERIES.fullmatch(parts[0]):
        return False
    return any(not is_guessable(part) or _RUSSIAN_WORD.search(part) for part in parts)


def is_unit_in_two_columns(code: str) -> bool:
    """The same for a marking code, whose serial may have commas and semicolons, but ends where the tail begins."""
    if not SEPARATORS.search(code):
        return False
    try:
        return not gs1.read_marking(code).has_crypto_tail
    except Problem:
        return False


def refuse_damaged(rows: Sequence[CodeRow]) -> list[CodeRow]:
    """Refuse the rows that a spreadsheet damaged, by comparison with the other numeric rows."""
    codes = [row.code for row in rows]
    shorter, rounded = lost_zeros.out_of_form(codes), lost_zeros.rounded(codes)
    return [
        CodeRow(row.line, "", "leading_zeros_invalid" if at in shorter else "shortened_number_invalid")
        if at in shorter or at in rounded
        else row
        for at, row in enumerate(rows)
    ]


def marking_check(gtin: str) -> CodeCheck:
    """The check of marking codes of one product: the serial number is stored.

    If a tail may be part of the serial, the earlier rows show how long the serials of this file are; without one the
    row is refused.
    """
    lengths: set[int] = set()

    def check(code: str) -> CheckedCode:
        try:
            markings = gs1.read_markings(code)
        except Problem:
            return "", "not_marking"
        serials = [marking.serial for marking in markings if marking.gtin == gtin]
        if not serials:
            return "", "other_product"
        if len(serials) == 1:
            lengths.add(len(serials[0]))
            return serials[0], None
        alike = [serial for serial in serials if len(serial) in lengths]
        return (alike[0], None) if len(alike) == 1 else ("", "serial_unclear")

    return check


def is_guessable(code: str) -> bool:
    """Whether a code is so short, or has so few different symbols, that it could be guessed.

    Of a link only the last part counts: the rest is the same in all codes.
    """
    last = _LINK_PARTS.split(symbols.fold(code))[-1]
    signs = [sign for sign in last if sign.isalnum()]
    if len(set(signs)) < MIN_SYMBOLS:
        return True
    size = 10 if all(sign.isdigit() for sign in signs) else 32
    return len(signs) * math.log2(size) < MIN_BITS
