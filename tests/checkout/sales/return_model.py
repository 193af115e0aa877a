"""A model of returns by exact fractions, and random baskets to test with."""

import itertools
import random
from fractions import Fraction

import msgspec

from backend.checkout.sales import discounts
from backend.checkout.sales.discounts import Candidate
from backend.programmes.rules.rule import PercentAmount, Promo, share_of
from tests.checkout.sales.model import half_up

Part = tuple[int, int]  # a line and an amount of it


class Code(msgspec.Struct, frozen=True):
    """A code: the discount of its lines, and the bonus, both in basis points."""

    off: int
    bonus: int
    lines: frozenset[int]


class SoldBasket:
    """A basket with its codes, and what is left of it after partial returns."""

    def __init__(self, amounts: dict[int, int], codes: list[Code]) -> None:
        self.amounts, self.codes = amounts, codes
        applied = discounts.combine_discounts(
            [
                Candidate(number, Promo(PercentAmount(code.off)), {line: amounts[line] for line in sorted(code.lines)})
                for number, code in enumerate(codes)
            ]
        )
        self.off = {discount.code_id: discount.lines for discount in applied.discounts}
        self.paid = {
            line: amount - sum(lines.get(line, 0) for lines in self.off.values()) for line, amount in amounts.items()
        }
        self.bonus = {number: share_of(self.base(number), codes[number].bonus, "half_up") for number in self.off}

    def base(self, number: int) -> int:
        """What the buyer paid for the lines that count for a code."""
        return sum(self.paid[line] for line in self.off[number])

    def refund(self, back: dict[int, int]) -> int:
        """The refund when so much of each line came back: the buyer's part of each line, rounded up."""
        return sum(self._refund(line, amount) for line, amount in back.items())

    def clawed_back(self, number: int, back: dict[int, int]) -> int:
        """The clawed back part of a code's bonus."""
        base = self.base(number)
        part = sum(self._refund(line, back.get(line, 0)) for line in self.off[number])
        return half_up(Fraction(self.bonus[number] * part, base)) if base else 0

    def owed(self, back: dict[int, int]) -> int:
        """What brands owe the shop for the discounts of what was not returned."""
        parts = [(line, off) for lines in self.off.values() for line, off in lines.items()]
        return sum(off - off * back.get(line, 0) // self.amounts[line] for line, off in parts)

    def _refund(self, line: int, amount: int) -> int:
        discount = self.amounts[line] - self.paid[line]
        return amount - discount * amount // self.amounts[line]


def total(parts: tuple[Part, ...] | list[Part]) -> dict[int, int]:
    """The sum of the parts of each line."""
    back: dict[int, int] = {}
    for line, amount in parts:
        back[line] = back.get(line, 0) + amount
    return back


def steps(parts: tuple[Part, ...]) -> list[dict[int, int]]:
    """What is returned after each of several returns."""
    return [total(parts[:number]) for number in range(len(parts) + 1)]


def some_basket(seed: int) -> tuple[SoldBasket, list[Part]]:
    """A basket with codes on some of its lines, and parts of lines that come back."""
    dice = random.Random(seed)
    amounts = {line: dice.choice([1, 7, 999, 100_000, dice.randrange(1, 10**6)]) for line in range(1, 4)}
    codes = [
        Code(dice.choice([500, 3333, 9000]), dice.choice([100, 1000, 10_000]), frozenset(dice.sample([1, 2, 3], many)))
        for many in dice.sample([1, 2, 3, 3], 3)
    ]
    parts = [(line, dice.randint(1, amount)) for line, amount in amounts.items()]
    rest = [(line, amounts[line] - amount) for line, amount in parts if amounts[line] > amount]
    return SoldBasket(amounts, codes), parts + rest[: dice.randint(0, len(rest))]


def orders(parts: list[Part]) -> list[tuple[Part, ...]]:
    """All orders in which returns may come."""
    return list(itertools.permutations(parts))
