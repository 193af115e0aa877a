"""A list of codes that others printed: reading the file, and which of its codes we cannot take. Pure.

One code a line, as it is scanned; or a table whose first line names a column `code`. UTF-8, lines ended by LF or
CR LF, a code in quotes as RFC 4180 has them.
"""

import csv
import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal, NamedTuple

from scanning import gs1, payload, symbols
from scanning.problem import Problem

Reason = Literal[
    "unreadable", "too_long", "own_code", "other_kind", "guessable", "not_marking", "other_product", "repeated", "taken"
]

LONGEST_CODE = 200  # characters
LONGEST_LINE = 4_000  # bytes
COLUMN = "code"
DELIMITERS = ";,\t"
# 15 digits, or 10 letters and digits: of a million such codes a guess finds one with a chance of 4 in 10^9.
FEWEST_BITS = 48
FEWEST_SYMBOLS = 4  # different ones
# Rows that differ from the row before in the last two symbols only are a count, if there are many of them.
COUNTING_SYMBOLS, COUNTING_SHARE, COUNTING_ROWS = 2, 0.1, 20


class NotText(ValueError):
    """The file is no text in UTF-8; UTF-16, as some programs call Unicode, looks like this."""


class Row(NamedTuple):
    """A line with a code in it: its number in the file, and either what is kept of it or why it is refused."""

    line: int
    code: str
    reason: Reason | None = None


_LINK_PARTS = re.compile(r"[/=?&#]")

# What is kept of a code, and why it is refused, of which one is empty.
Judged = tuple[str, Reason | None]
Judge = Callable[[str], Judged]


class Counting:
    """Watches whether the codes of a file are a count, of which anybody who has one can guess the next."""

    def __init__(self) -> None:
        self.rows = self.near = 0
        self._before = ""

    def watch(self, code: str) -> None:
        """Look at the next code."""
        self.rows += 1
        self.near += len(code) == len(self._before) and code[:-COUNTING_SYMBOLS] == self._before[:-COUNTING_SYMBOLS]
        self._before = code

    @property
    def found(self) -> bool:
        """Whether they are one."""
        return self.rows >= COUNTING_ROWS and self.near > self.rows * COUNTING_SHARE


def read(file: BinaryIO, judge: Judge) -> Iterator[Row]:
    """The rows of a file, judged. Empty lines are passed over. Raises NotText."""
    pick: Callable[[str], str] = _whole_line
    begun = False
    for number, raw in enumerate(_lines(file), start=1):
        if raw is None:
            yield Row(number, "", "too_long")
            continue
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            yield Row(number, "", "unreadable")
            continue
        if not text.strip():
            continue
        header, begun = None if begun else _header(text), True
        if header:
            pick = header
        else:
            yield Row(number, *judge(pick(text).strip()))


def judge_code(code: str) -> Judged:
    """Whether a code that others printed can be told from everything else that is scanned, and not be guessed."""
    if not code:
        return "", "unreadable"
    if len(code) > LONGEST_CODE:
        return "", "too_long"
    kind = payload.classify(code).kind
    if kind == "package":
        return "", "own_code"
    if kind != "unknown":
        return "", "other_kind"
    return ("", "guessable") if is_guessable(code) else (code, None)


def judge_unit(gtin: str) -> Judge:
    """A judge of marking codes of one product: what is kept is the serial number."""

    def judge(code: str) -> Judged:
        try:
            marking = gs1.read_marking(code)
        except Problem:
            return "", "not_marking"
        return (marking.serial, None) if marking.gtin == gtin else ("", "other_product")

    return judge


def is_guessable(code: str) -> bool:
    """Whether a code is so short, or of so few symbols, that trying would find one.

    Of a link only the last part counts: what stands before it is the same for all.
    """
    last = _LINK_PARTS.split(symbols.fold(code))[-1]
    signs = [sign for sign in last if sign.isalnum()]
    if len(set(signs)) < FEWEST_SYMBOLS:
        return True
    size = 10 if all(sign.isdigit() for sign in signs) else 32
    return len(signs) * math.log2(size) < FEWEST_BITS


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is longer than any code's."""
    while line := file.readline(LONGEST_LINE):
        if b"\0" in line:
            raise NotText
        if line.endswith(b"\n") or len(line) < LONGEST_LINE:
            yield line
            continue
        while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _whole_line(text: str) -> str:
    """A line as it is: commas and semicolons are ordinary signs of a marking code."""
    text = text.strip()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _header(text: str) -> Callable[[str], str] | None:
    """How to pick the code out of a line, if this is a first line that names a column for it."""
    for delimiter in DELIMITERS:
        names = [name.strip().lower() for name in _cells(text, delimiter)]
        if COLUMN in names:
            return functools.partial(_cell, delimiter, names.index(COLUMN))
    return None


def _cell(delimiter: str, place: int, text: str) -> str:
    cells = _cells(text, delimiter)
    return cells[place] if place < len(cells) else ""


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])
