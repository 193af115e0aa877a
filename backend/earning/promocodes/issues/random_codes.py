"""Random promo codes in bulk: a prefix, random symbols, and a check symbol of the whole code. Pure."""

import os

import msgspec
import numpy as np
from numpy.typing import NDArray

from scanning.codes import symbols

# Possible codes for each issued code: one guess in ten thousand finds a code.
CODES_PER_ISSUED = 10_000

_LETTERS = np.frombuffer(symbols.ALPHABET.encode(), np.uint8)
_TIMES_ALPHA = np.array(symbols.TIMES_ALPHA, np.uint8)


class Design(msgspec.Struct, frozen=True):
    """The form of an issue's codes: a prefix, then `length` symbols, the last of them the check symbol."""

    length: int
    prefix: str = ""

    @property
    def folded(self) -> str:
        """The prefix of the stored codes."""
        return symbols.fold(self.prefix)

    @property
    def shown(self) -> str | None:
        """The prefix for people, if it differs from the folded one."""
        written = self.prefix.upper()
        return None if written == self.folded else written

    @property
    def max_codes(self) -> int:
        """How many codes may be issued before they are too easy to guess."""
        return int(32 ** (self.length - 1)) // CODES_PER_ISSUED


def shortest_length(count: int) -> int:
    """The smallest `length` that allows so many codes."""
    length = 2
    while Design(length).max_codes < count:
        length += 1
    return length


def draw_codes(count: int, design: Design) -> list[str]:
    """Draw codes from the system's source of secrets, each with the check symbol of the whole code.

    Sorted, because an index takes sorted codes faster. Without duplicates and numbers, which tills read as barcodes, so
    there may be fewer than `count`. Raises KeyError if the folded prefix has a symbol outside the alphabet.
    """
    prefix, random = design.folded, design.length - 1
    values = np.frombuffer(os.urandom(count * random), np.uint8).reshape(count, random) & 31
    check = np.full(count, symbols.check_value(prefix), np.uint8)
    for column in values.T:  # Horner's rule, as in symbols.check_value
        check = _TIMES_ALPHA[check ^ column]
    codes = np.empty((count, len(prefix) + design.length), np.uint8)
    codes[:, : len(prefix)] = np.frombuffer(prefix.encode(), np.uint8)
    codes[:, len(prefix) : -1] = _LETTERS[values]
    codes[:, -1] = _LETTERS[check]
    has_letter = (codes > ord("9")).any(axis=1)
    return _unique_texts(codes[has_letter])


def _unique_texts(codes: NDArray[np.uint8]) -> list[str]:
    whole = np.unique(codes.view(f"S{codes.shape[1]}"))
    texts: list[str] = whole.astype(str).tolist()
    return texts
