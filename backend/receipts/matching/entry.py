"""What goes into the matching and what comes out of it."""

from typing import Literal

import msgspec

How = Literal["gtin", "marking", "alias", "article", "tokens", "fuzzy", "none"]


class Entry(msgspec.Struct, frozen=True):
    """A product as the matching sees it."""

    product_id: int
    brand: str  # the maker's name, e.g. "Оптима"; may be ""
    names: tuple[str, ...]  # Russian, English, aliases
    articles: tuple[str, ...]
    gtin: str | None


class Match(msgspec.Struct, frozen=True):
    """What a line was taken for, why, and whether money may follow without a person.

    "marking" is never given here: the serial of a marked unit is the caller's to look up.
    """

    product_id: int | None  # the best one; None: none comes near
    how: How
    score: float  # 0 to 1
    sure: bool  # may be credited without a person
    candidates: tuple[tuple[int, float], ...]  # at most 5 for the reviewer, the best first
