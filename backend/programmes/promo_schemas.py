"""What a promo rule gives buyers, over the wire: products by SKU, money in kopecks."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from msgspec import Meta

from backend.programmes.rules import Count, Fixed, Percent, Promo
from backend.programmes.schemas import Sku
from backend.wire import LINE_OR_NOTHING, In, Out

EXCLUDED = 10_000

Discount = Annotated[Fixed | Percent, Meta(description="Off the lines that count: so many kopecks, or a share.")]
Most = Annotated[Count, Meta(description="The most it takes off one basket.", examples=[50000])]
Minimum = Annotated[Count, Meta(description="The least that the lines that count must come to.", examples=[100000])]
OwnGoods = Annotated[bool, Meta(description="Only lines count that are products of the brand.", examples=[False])]
Uses = Annotated[Count, Meta(description="Sales for each code; no limit when left out.", examples=[100])]
BuyerUses = Annotated[Count, Meta(description="Sales for each buyer who shows who he is.", examples=[1])]
AgentUses = Annotated[Count, Meta(description="Sales over all codes of one agent.", examples=[1000])]
ShopUses = Annotated[Count, Meta(description="Sales in one shop on one day.", examples=[50])]
Priority = Annotated[int, Meta(ge=-1000, le=1000, description="Higher goes first.", examples=[10])]
Group = Annotated[
    str, Meta(max_length=40, pattern=LINE_OR_NOTHING, description="Of one group only the best counts.", examples=["a"])
]
Exclusive = Annotated[bool, Meta(description="Beside no other code.", examples=[False])]
GivesUseBack = Annotated[
    bool, Meta(description="Whether a sale that came back whole gives its use back.", examples=[True])
]
CodesPerAgent = Annotated[
    int,
    Meta(ge=0, le=100, description="Open codes that an agent may have; 0: only the brand makes some.", examples=[5]),
]
Shortest = Annotated[int, Meta(ge=3, le=16, description="Symbols of a wish, at least.", examples=[4])]
Longest = Annotated[int, Meta(ge=3, le=16, description="Symbols of a wish, at most.", examples=[12])]


class PromoIn(In):
    """What a buyer gets for a promo code, how often, and beside which other codes.

    The rule's `products` are those that count, its `amount` is the agent's bonus: a share of what the buyer paid for
    them, or so much for each sale. Its `hold_days` are the window of returns.
    """

    discount: Discount
    most: Most | None = None
    minimum: Minimum | None = None
    own_goods: OwnGoods = False
    excluded: (
        Annotated[list[Sku], Meta(description="Do not count.", min_length=1, max_length=EXCLUDED)] | None
    ) = None  # fmt: skip
    uses: Uses | None = None
    uses_per_buyer: BuyerUses | None = None
    uses_per_agent: AgentUses | None = None
    uses_per_shop_day: ShopUses | None = None
    priority: Priority = 0
    group: Group = ""
    exclusive: Exclusive = False
    gives_use_back: GivesUseBack = True
    codes_per_agent: CodesPerAgent = 5
    shortest: Shortest = 4
    longest: Longest = 16


class PromoOut(Out):
    """What a buyer gets for a promo code, as it stood."""

    discount: Discount
    most: Most | None = None
    minimum: Minimum | None = None
    own_goods: OwnGoods = False
    excluded: list[Sku] | None = None
    uses: Uses | None = None
    uses_per_buyer: BuyerUses | None = None
    uses_per_agent: AgentUses | None = None
    uses_per_shop_day: ShopUses | None = None
    priority: Priority = 0
    group: Group = ""
    exclusive: Exclusive = False
    gives_use_back: GivesUseBack = True
    codes_per_agent: CodesPerAgent = 5
    shortest: Shortest = 4
    longest: Longest = 16

    @classmethod
    def of(cls, promo: Promo, skus: Mapping[int, str]) -> Self:
        excluded = None if promo.excluded is None else sorted(skus[number] for number in promo.excluded)
        return cls(**same_fields(promo), excluded=excluded)


def same_fields(promo: Promo | PromoIn) -> dict[str, Any]:
    """All that is written the same way over the wire and in the rule: everything but the products."""
    return {name: getattr(promo, name) for name in Promo.__struct_fields__ if name != "excluded"}
