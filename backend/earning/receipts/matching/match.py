"""The input and the result of the matching."""

from typing import Literal

import msgspec

from backend.earning.receipts.matching.names import maker_name, maker_spellings

MatchMethod = Literal["gtin", "marking", "alias", "article", "tokens", "fuzzy", "none"]


class CatalogueProduct(msgspec.Struct, frozen=True):
    """A product of the catalogue, with the fields that the matching needs."""

    product_id: int
    brand: str  # the maker's name, e.g. "Оптима"; may be ""
    names: tuple[str, ...]  # Russian, English, aliases
    articles: tuple[str, ...]
    gtin: str | None
    trade_marks: tuple[str, ...] = ()  # further names of the maker
    exact: tuple[str, ...] = ()  # those of `names` that identify this product without a maker's name

    @property
    def maker_names(self) -> tuple[str, ...]:
        """The maker's names as printed on goods, without legal forms."""
        return tuple(maker_name(name) for name in (self.brand, *self.trade_marks))

    @property
    def makers(self) -> frozenset[str]:
        """All spellings of the maker's names; empty if none is known."""
        return maker_spellings(self.brand, *self.trade_marks)


class Match(msgspec.Struct, frozen=True):
    """The product of a line, the method, and whether it may be credited without a reviewer.

    "marking" is never returned here: the caller looks up the serial number of a marked unit.
    """

    product_id: int | None  # the best one; None if none is similar
    how: MatchMethod
    score: float  # 0 to 1
    sure: bool  # may be credited without a reviewer
    candidates: tuple[tuple[int, float], ...]  # at most 5, the best first
