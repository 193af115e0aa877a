"""Exclusive against combinable items: one rule for campaigns and for the promo codes of a basket."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
# An amount, or amounts that decide one after another.
Value = TypeVar("Value", int, tuple[int, ...])
ItemValue = Callable[[Item], Value]
GroupValue = Callable[[Sequence[Item]], Value]


def apply_exclusivity(
    combinable: Sequence[Item],
    exclusive: Sequence[Item],
    item_value: ItemValue[Item, Value],
    group_value: GroupValue[Item, Value],
) -> list[Item]:
    """Return the best exclusive item if it is worth more than all combinable items, else the combinable ones. Pure.

    `item_value` and `group_value` return values that compare with each other. Of equal exclusive items the first wins.
    """
    if not exclusive:
        return list(combinable)
    best = max(exclusive, key=item_value)
    return [best] if not combinable or item_value(best) > group_value(combinable) else list(combinable)
