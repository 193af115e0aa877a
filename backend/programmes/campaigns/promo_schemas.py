"""Promo rules in the API: products by SKU, money in kopecks."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from msgspec import Meta

from backend.core.http.models import LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.programmes.rules.rule import Count, FixedAmount, PercentAmount, Promo
from backend.programmes.schemas import Sku

MAX_EXCLUDED = 10_000

Discount = Annotated[
    FixedAmount | PercentAmount, Meta(description="On the lines that count: an amount in kopecks, or a share.")
]
MaxDiscount = Annotated[Count, Meta(description="Maximum discount of one basket.", examples=[50000])]
Minimum = Annotated[Count, Meta(description="Minimum sum of the lines that count.", examples=[100000])]
OwnGoods = Annotated[bool, Meta(description="Only lines count that are products of the brand.", examples=[False])]
Uses = Annotated[Count, Meta(description="Sales for each code; no limit when left out.", examples=[100])]
BuyerUses = Annotated[Count, Meta(description="Sales for each identified buyer.", examples=[1])]
AgentUses = Annotated[Count, Meta(description="Sales over all codes of one agent.", examples=[1000])]
ShopUses = Annotated[Count, Meta(description="Sales in one shop on one day.", examples=[50])]
Priority = Annotated[int, Meta(ge=-1000, le=1000, description="Higher goes first.", examples=[10])]
Group = Annotated[
    str, Meta(max_length=40, pattern=LINE_OR_NOTHING, description="Of one group only the best counts.", examples=["a"])
]
Exclusive = Annotated[bool, Meta(description="Not combined with other codes.", examples=[False])]
GivesUseBack = Annotated[
    bool, Meta(description="Whether a sale that came back whole gives its use back.", examples=[True])
]
CodesPerAgent = Annotated[
    int,
    Meta(ge=0, le=100, description="Open codes that an agent may have; 0: only the brand makes some.", examples=[5]),
]
Shortest = Annotated[
    int, Meta(ge=3, le=16, description="Minimum length of a word that an agent chooses.", examples=[4])
]
Longest = Annotated[
    int, Meta(ge=3, le=16, description="Maximum length of a word that an agent chooses.", examples=[12])
]


class PromoTermsIn(RequestModel):
    """The discount of a promo code, how often it can be used, and which codes it combines with.

    The rule's `products` are those that count, its `amount` is the agent's bonus: a share of what the buyer paid for
    them, or so much for each sale. Its `hold_days` are the window of returns.
    """

    discount: Discount
    most: MaxDiscount | None = None
    minimum: Minimum | None = None
    own_goods: OwnGoods = False
    excluded: Annotated[list[Sku], Meta(description="Do not count.", min_length=1, max_length=MAX_EXCLUDED)] | None = (
        None
    )
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


class PromoTermsOut(ResponseModel):
    """The discount of a promo code, how often it can be used, and which codes it combines with."""

    discount: Discount
    most: MaxDiscount | None = None
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
        excluded = None if promo.excluded is None else sorted(skus[product_id] for product_id in promo.excluded)
        return cls(**same_fields(promo), excluded=excluded)


def same_fields(promo: Promo | PromoTermsIn) -> dict[str, Any]:
    """The fields that are equal in the API and in the rule: all but the products."""
    return {name: getattr(promo, name) for name in Promo.__struct_fields__ if name != "excluded"}
