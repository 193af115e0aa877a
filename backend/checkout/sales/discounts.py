"""Which codes take how much off a basket. Pure: the same basket and codes always have the same result."""

from collections.abc import Iterable, Sequence

import msgspec

from backend.programmes.rules.exclusivity import apply_exclusivity
from backend.programmes.rules.rule import FixedAmount, Promo, share_of


class Candidate(msgspec.Struct, frozen=True):
    """A code that may apply: its rule, and the amount of each line that counts for it, in kopecks."""

    code_id: int
    promo: Promo
    lines: dict[int, int]


class CodeDiscount(msgspec.Struct, frozen=True):
    """The discount of one code, in total and by line, in kopecks."""

    code_id: int
    amount: int
    lines: dict[int, int]


class AppliedDiscounts(msgspec.Struct, frozen=True):
    """The discounts of all codes, in the order in which they apply; the codes without one, each with its reason."""

    discounts: list[CodeDiscount]
    refused: dict[int, str]


def combine_discounts(candidates: Sequence[Candidate]) -> AppliedDiscounts:
    """Choose among the codes of a basket and spread their discounts over its lines.

    Of each group, only the code with the largest discount of its own counts. An exclusive code excludes all others:
    the best exclusive code competes with the sum of the others, and the larger discount wins. The remaining codes
    apply by priority, each to what the ones before it left.
    """
    refused = {row.code_id: reason for row in candidates if (reason := _unfit_reason(row))}
    fit = [row for row in candidates if row.code_id not in refused]
    best = _best_of_groups(fit)
    refused |= {row.code_id: "better_in_group" for row in fit if row not in best}
    chosen, reason = _choose_exclusive(best)
    refused |= {row.code_id: reason for row in best if row not in chosen}
    discounts = _apply_by_priority(chosen)
    refused |= {row.code_id: "nothing_left" for row in discounts if not row.amount}
    return AppliedDiscounts([row for row in discounts if row.amount], refused)


def spread_amount(total: int, weights: dict[int, int]) -> dict[int, int]:
    """Spread a total over weights in integers that sum up exactly, by largest remainder; the lower key among equals.

    Each share is at most its weight when the total is at most their sum. (Hamilton's method of apportionment.)
    """
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    parts = {key: divmod(total * weight, whole) for key, weight in weights.items()}
    left = total - sum(part for part, _ in parts.values())
    first = sorted(parts, key=lambda key: (-parts[key][1], key))[:left]
    return {key: part + (key in first) for key, (part, _) in parts.items()}


def discount_amount(promo: Promo, amount: int) -> int:
    """The discount that a code alone gives on an amount, in kopecks."""
    worth = (
        promo.discount.value
        if isinstance(promo.discount, FixedAmount)
        else share_of(amount, promo.discount.basis_points, promo.discount.rounding)
    )
    return min(worth, amount, amount if promo.most is None else promo.most)


def _unfit_reason(row: Candidate) -> str | None:
    total = sum(row.lines.values())
    if not total:
        return "no_products"
    return "below_minimum" if total < (row.promo.minimum or 0) else None


def _best_of_groups(rows: Iterable[Candidate]) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for row in rows:
        # A code without a group is a group of its own.
        group = row.promo.group or f"\0{row.code_id}"
        if group not in best or _discount_order(row) > _discount_order(best[group]):
            best[group] = row
    return list(best.values())


def _choose_exclusive(rows: Sequence[Candidate]) -> tuple[list[Candidate], str]:
    """The codes that may be combined, and the reason against the others."""
    exclusive = [row for row in rows if row.promo.exclusive]
    others = [row for row in rows if not row.promo.exclusive]
    first = sorted(exclusive, key=_discount_order, reverse=True)
    chosen = apply_exclusivity(
        others,
        first,
        lambda row: _discount_order(row)[0],
        lambda rows: sum(row.amount for row in _apply_by_priority(rows)),
    )
    return chosen, "not_beside_others" if chosen == others else "exclusive_is_better"


def _apply_by_priority(rows: Sequence[Candidate]) -> list[CodeDiscount]:
    """Apply codes one after the other, each to what is left of its lines."""
    left: dict[int, int] = {}
    for row in rows:
        left |= row.lines
    discounts = []
    for row in sorted(rows, key=lambda row: (-row.promo.priority, row.code_id)):
        lines = {line: left[line] for line in row.lines}
        parts = spread_amount(discount_amount(row.promo, sum(lines.values())), lines)
        for line, part in parts.items():
            left[line] -= part
        discounts.append(CodeDiscount(row.code_id, sum(parts.values()), parts))
    return discounts


def _discount_order(row: Candidate) -> tuple[int, int, int]:
    return discount_amount(row.promo, sum(row.lines.values())), row.promo.priority, -row.code_id
