"""Promo codes drawn at random by the thousand: a prefix, random symbols, and the check symbol of them all. Pure."""

import os

import msgspec
import numpy as np
from numpy.typing import NDArray

from backend.promocodes import spelling
from scanning import symbols

# So many possible codes for each that is issued: one guess in ten thousand finds one.
SPARSE = 10_000

_LETTERS = np.frombuffer(symbols.ALPHABET.encode(), np.uint8)
_TIMES_ALPHA = np.array(symbols.TIMES_ALPHA, np.uint8)


class Design(msgspec.Struct, frozen=True):
    """What the codes of an issue look like: behind the prefix `length` symbols, the last of them the check."""

    length: int
    prefix: str = ""

    @property
    def folded(self) -> str:
        """The prefix by which the codes are known."""
        return spelling.fold(self.prefix)

    @property
    def shown(self) -> str | None:
        """The prefix for people, where it is another than the folded one."""
        written = self.prefix.upper()
        return None if written == self.folded else written

    @property
    def most(self) -> int:
        """How many codes may be issued before they are too easy to guess."""
        return int(32 ** (self.length - 1)) // SPARSE


def shortest(count: int) -> int:
    """The fewest symbols behind a prefix that so many codes take."""
    length = 2
    while Design(length).most < count:
        length += 1
    return length


def draw(count: int, design: Design) -> list[str]:
    """Draw codes from the system's source for keys, each with the check symbol of the whole code.

    Sorted, for an index takes them faster so. Doubles are left out, and numbers, which tills take for barcodes: there
    may be fewer codes than asked for. Raises KeyError if the folded prefix has a foreign symbol.
    """
    prefix, random = design.folded, design.length - 1
    values = np.frombuffer(os.urandom(count * random), np.uint8).reshape(count, random) & 31
    check = np.full(count, symbols.check_value(prefix), np.uint8)
    for column in values.T:  # Horner's rule, as symbols.check_value goes
        check = _TIMES_ALPHA[check ^ column]
    codes = np.empty((count, len(prefix) + design.length), np.uint8)
    codes[:, : len(prefix)] = np.frombuffer(prefix.encode(), np.uint8)
    codes[:, len(prefix) : -1] = _LETTERS[values]
    codes[:, -1] = _LETTERS[check]
    has_letter = (codes > ord("9")).any(axis=1)
    return _texts(codes[has_letter])


def _texts(codes: NDArray[np.uint8]) -> list[str]:
    whole = np.unique(codes.view(f"S{codes.shape[1]}"))
    texts: list[str] = whole.astype(str).tolist()
    return texts
