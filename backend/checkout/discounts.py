"""Which codes take how much off a basket. Pure: the same basket and codes always give the same answer."""

from collections.abc import Iterable, Sequence

import msgspec

from backend.programmes.rules import Fixed, Promo, share


class Candidate(msgspec.Struct, frozen=True):
    """A code that could be used: what its rule gives, and what each line that counts for it comes to, in kopecks."""

    code_id: int
    promo: Promo
    lines: dict[int, int]


class Taken(msgspec.Struct, frozen=True):
    """What one code takes off, line by line, in kopecks."""

    code_id: int
    discount: int
    lines: dict[int, int]


class Applied(msgspec.Struct, frozen=True):
    """What all codes take off, in the order in which they did; those that take nothing, each with its reason."""

    taken: list[Taken]
    refused: dict[int, str]


def apply(candidates: Sequence[Candidate]) -> Applied:
    """Choose among the codes of a basket and spread what they take off.

    Of each group only the code counts that takes most off by itself. An exclusive code counts alone: the best of them
    against all others together, whichever takes more off. Those that remain are used by priority, each on what the
    ones before it left.
    """
    refused = {row.code_id: reason for row in candidates if (reason := _unfit(row))}
    fit = [row for row in candidates if row.code_id not in refused]
    best = _best_of_groups(fit)
    refused |= {row.code_id: "better_in_group" for row in fit if row not in best}
    chosen, reason = _with_exclusive(best)
    refused |= {row.code_id: reason for row in best if row not in chosen}
    taken = _in_turn(chosen)
    refused |= {row.code_id: "nothing_left" for row in taken if not row.discount}
    return Applied([row for row in taken if row.discount], refused)


def spread(total: int, weights: dict[int, int]) -> dict[int, int]:
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


def off(promo: Promo, amount: int) -> int:
    """What a code takes off an amount by itself, in kopecks."""
    worth = (
        promo.discount.value
        if isinstance(promo.discount, Fixed)
        else share(amount, promo.discount.basis_points, promo.discount.rounding)
    )
    return min(worth, amount, amount if promo.most is None else promo.most)


def _unfit(row: Candidate) -> str | None:
    total = sum(row.lines.values())
    if not total:
        return "no_products"
    return "below_minimum" if total < (row.promo.minimum or 0) else None


def _best_of_groups(rows: Iterable[Candidate]) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for row in rows:
        # A code without a group is a group of its own.
        group = row.promo.group or f"\0{row.code_id}"
        if group not in best or _strength(row) > _strength(best[group]):
            best[group] = row
    return list(best.values())


def _with_exclusive(rows: Sequence[Candidate]) -> tuple[list[Candidate], str]:
    """The codes that may go together, and why the others do not."""
    alone = [row for row in rows if row.promo.exclusive]
    others = [row for row in rows if not row.promo.exclusive]
    if not alone:
        return others, ""
    best = max(alone, key=_strength)
    if _strength(best)[0] > sum(row.discount for row in _in_turn(others)):
        return [best], "exclusive_is_better"
    return others, "not_beside_others"


def _in_turn(rows: Sequence[Candidate]) -> list[Taken]:
    """Use codes one after the other, each on what is left of its lines."""
    left: dict[int, int] = {}
    for row in rows:
        left |= row.lines
    taken = []
    for row in sorted(rows, key=lambda row: (-row.promo.priority, row.code_id)):
        lines = {line: left[line] for line in row.lines}
        parts = spread(off(row.promo, sum(lines.values())), lines)
        for line, part in parts.items():
            left[line] -= part
        taken.append(Taken(row.code_id, sum(parts.values()), parts))
    return taken


def _strength(row: Candidate) -> tuple[int, int, int]:
    return off(row.promo, sum(row.lines.values())), row.promo.priority, -row.code_id
