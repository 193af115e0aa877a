"""A small model of checkout: three codes, one shop, and what each operation must come to, by exact fractions."""

from fractions import Fraction
from math import floor

# Discounts in the order of priority, limits, and bonuses.
RULES = {
    "AAA": {"percent": 500, "uses": 4, "bonus": ("percent", 1000)},
    "BBB": {"fixed": 700, "minimum": 1000, "day": 3, "bonus": ("fixed", 50)},
    "CCC": {"percent": 10_000, "bonus": None},
}


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def spread(total: int, weights: list[int]) -> list[int]:
    """Largest remainder."""
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [floor(part) for part in exact]
    by_rest = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_rest[: total - sum(parts)]:
        parts[place] += 1
    return parts


class Sold:
    """A sale: its amounts, the discount of each code on each line, and returns."""

    def __init__(self, amounts: list[int], quantities: list[int], codes: list[str]) -> None:
        self.amounts, self.quantities, self.codes = amounts, quantities, codes
        self.left = list(amounts)
        self.off: dict[str, list[int]] = {}
        for code in codes:
            total, rule = sum(self.left), RULES[code]
            off = min(total, rule.get("fixed") or half_up(Fraction(total * rule["percent"], 10_000)))
            if off:
                self.off[code] = spread(off, self.left)
                self.left = [left - part for left, part in zip(self.left, self.off[code], strict=True)]
        self.back = [0] * len(amounts)
        self.back_quantity = [0] * len(amounts)
        self.bonus = {code: self._bonus(code) for code in self.off}
        self.given_back = False

    @property
    def discount(self) -> int:
        return sum(map(sum, self.off.values()))

    def _bonus(self, code: str) -> int:
        kind, value = RULES[code]["bonus"] or ("fixed", 0)
        return value if kind == "fixed" else half_up(Fraction(sum(self.left) * value, 10_000))

    def remaining(self, code: str) -> tuple[int, int]:
        """The discount and the bonus that are left of a code after returns."""
        off = sum(part - part * back // amount for part, back, amount in self.lines(code) if amount)
        paid, whole = self.paid_back(), sum(self.left)
        if not whole:
            paid, whole = sum(self.back), sum(self.amounts)
        return off, self.bonus[code] - half_up(Fraction(self.bonus[code] * paid, whole))

    def paid_back(self) -> int:
        """What the buyer paid for the returned part: a line's amount less its part of all discounts, rounded down."""
        return sum(self.back) - self.discount_back()

    def discount_back(self) -> int:
        """The discounts of the returned part."""
        lines = zip(self.amounts, self.left, self.back, strict=True)
        return sum((amount - left) * back // amount for amount, left, back in lines if amount)

    def lines(self, code: str):
        return zip(self.off[code], self.back, self.amounts, strict=True)


class Model:
    """The state after each operation."""

    def __init__(self) -> None:
        self.sales: dict[str, Sold] = {}
        self.reserved: dict[str, list[str]] = {}
        self.ended: set[str] = set()

    def used(self, code: str, without: str | None = None) -> int:
        """Uses of a code that count against its limits."""
        sold = sum(code in sale.off and not sale.given_back for sale in self.sales.values())
        return sold + sum(code in codes for key, codes in self.reserved.items() if key != without)

    def refused(self, amounts: list[int], codes: list[str], mine: str | None = None) -> dict[str, str]:
        """The codes that cannot be used, and why."""
        found = {}
        for code in codes:
            rule = RULES[code]
            if "uses" in rule and self.used(code, mine) >= rule["uses"]:
                found[code] = "spent"
            elif "day" in rule and self.used(code, mine) >= rule["day"]:
                found[code] = "shop_limit"
            elif not sum(amounts):
                found[code] = "no_products"
            elif sum(amounts) < rule.get("minimum", 0):
                found[code] = "below_minimum"
        return found

    def owed(self) -> int:
        return sum(sale.remaining(code)[0] for sale in self.sales.values() for code in sale.off)

    def earned(self, code: str) -> int:
        return sum(sale.remaining(code)[1] for sale in self.sales.values() if code in sale.off)
