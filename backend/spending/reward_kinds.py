"""The kinds of rewards as one table: how a kind is fulfilled and taxed, and which fields only it may have.

docs/a-reward-kind.md lists what else a new kind touches.
"""

from typing import Literal, NamedTuple

RewardKind = Literal["certificate", "goods", "service", "discount", "charity", "marketing", "invoice"]
# By a code in stock, by us, by a supplier over HTTP, by staff, or at once without any action.
Fulfilment = Literal["stock", "own", "supplier", "person", "instant"]
TaxNature = Literal["gift", "discount", "service", "charity", "marketing", "settlement"]


class KindRules(NamedTuple):
    """What a reward of a kind may be."""

    # The tax nature of its orders, unless the reward names another.
    tax: TaxNature
    fulfilments: frozenset[Fulfilment]
    # Handed over at one of `places`, with a delivery state.
    has_places: bool = False
    # May extend the warranty of a unit (`extends_months`).
    extends_warranty: bool = False
    # May defer an invoice (`defers_days`).
    defers_invoice: bool = False


# What is handed over or accepted needs staff; codes come from suppliers, stock or us.
REWARD_KINDS: dict[RewardKind, KindRules] = {
    "certificate": KindRules("gift", frozenset({"stock", "own", "supplier", "person"})),
    "goods": KindRules("gift", frozenset({"person"}), has_places=True),
    "service": KindRules("service", frozenset({"person", "instant"}), extends_warranty=True),
    "discount": KindRules("discount", frozenset({"stock", "own"})),
    "charity": KindRules("charity", frozenset({"person", "instant"})),
    "marketing": KindRules("marketing", frozenset({"person", "instant"})),
    "invoice": KindRules("settlement", frozenset({"person"}), defers_invoice=True),
}
