"""What a scan earns: rules as data, and one pure function that decides."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

Way = Literal["package", "marking", "receipt", "promo", "equipment", "referral"]
Rounding = Literal["down", "half_up", "up"]
NEVER = date(9999, 12, 31)

Count = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class Fixed(msgspec.Struct, tag="fixed", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """So many minor units each time."""

    value: Annotated[Count, msgspec.Meta(description="Minor units of the programme's currency.", examples=[5000])]


class Percent(msgspec.Struct, tag="percent", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A share of the base (a product's recommended price, a receipt line's sum), in basis points."""

    basis_points: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="150 is 1.5 %.", examples=[150])]
    rounding: Rounding = "half_up"


class Promo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a buyer gets for a promo code, how often, and beside which other codes. Money in kopecks.

    The rule's `products` are those that count, its `amount` is the agent's bonus: a share of what the buyer paid for
    them, or so much for each sale. Its `hold_days` are the window of returns.
    """

    discount: Fixed | Percent
    most: Annotated[Count | None, msgspec.Meta(description="The most it takes off one basket.")] = None
    minimum: Annotated[Count | None, msgspec.Meta(description="The least that the lines must come to.")] = None
    own_goods: Annotated[bool, msgspec.Meta(description="Only lines count that are products of the brand.")] = False
    excluded: Annotated[frozenset[int] | None, msgspec.Meta(description="Product ids that do not count.")] = None
    uses: Annotated[Count | None, msgspec.Meta(description="Sales for each code.")] = None
    uses_per_buyer: Count | None = None
    uses_per_agent: Annotated[Count | None, msgspec.Meta(description="Sales over all codes of one agent.")] = None
    uses_per_shop_day: Count | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000, description="Higher goes first.")] = 0
    group: Annotated[str, msgspec.Meta(max_length=40, description="Of one group only the best counts.")] = ""
    exclusive: Annotated[bool, msgspec.Meta(description="Beside no other code.")] = False
    gives_use_back: Annotated[bool, msgspec.Meta(description="When all of a sale came back.")] = True
    codes_per_agent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    shortest: Annotated[int, msgspec.Meta(ge=3, le=16, description="Symbols of a wish, at least.")] = 4
    longest: Annotated[int, msgspec.Meta(ge=3, le=16)] = 16


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """For what, when it may be spent, and how much at the most. For whom is the seam: `segments`, empty for all."""

    ways: Annotated[frozenset[Way], msgspec.Meta(min_length=1, examples=[["package"]])]
    amount: Fixed | Percent
    products: Annotated[frozenset[int] | None, msgspec.Meta(description="Product ids; all when empty.")] = None
    segments: frozenset[str] = frozenset()
    cap_per_agent_day: Count | None = None
    hold_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 0
    lifetime_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    unlisted: Annotated[
        bool,
        msgspec.Meta(
            description="Pay for units under state marking that are in no list of the brand's, too. Anybody can make "
            "up such a unit, so it takes `hold_days` and `cap_per_agent_day`."
        ),
    ] = False
    units_per_receipt: Annotated[
        Count | None, msgspec.Meta(description="Units of one product that one receipt pays for.")
    ] = None
    promo: Promo | None = None

    def __post_init__(self) -> None:
        if (self.promo is not None) != ("promo" in self.ways) or (self.promo and len(self.ways) > 1):
            raise ValueError("`promo` goes with the way `promo`, alone")
        # docs/decisions: what an unlisted unit may earn is small and late.
        if self.unlisted and (self.hold_days < 1 or self.cap_per_agent_day is None):
            raise ValueError("`unlisted` takes `hold_days` of at least 1 and `cap_per_agent_day`")


class Offer(msgspec.Struct, frozen=True):
    """A campaign as the decision sees it: the newest version of its rule, and when it runs."""

    campaign_id: int
    version_id: int
    version: int
    starts_at: datetime
    ends_at: datetime | None
    budgeted: bool
    rule: Rule


class Facts(msgspec.Struct, frozen=True):
    """What happened. `price` is the base for per-cent rules in minor units, if it is known.

    `listed` is False for a unit under state marking whose brand never said that it made it. A fixed amount is paid for
    each of `units`; `price` is that of all together.
    """

    way: Way
    product_id: int
    price: int | None
    at: datetime
    segments: frozenset[str] = frozenset()
    listed: bool = True
    units: int = 1


class Decision(msgspec.Struct, frozen=True):
    """What an offer gives before caps that only the transaction can know; amounts in minor units."""

    offer: Offer
    base: int
    gross: int
    today: date
    matures_on: date
    expires_on: date


def decide(offers: Sequence[Offer], facts: Facts, timezone: str) -> Decision | None:
    """Choose the offer that gives the agent most, the older campaign among equals; None when no offer fits.

    Days are those of the programme's time zone. Pure: the same facts always give the same decision.
    """
    fitting = [(offer, *worth) for offer in offers if (worth := _worth(offer, facts))]
    if not fitting:
        return None
    offer, base, gross = max(fitting, key=lambda row: (row[2], -row[0].campaign_id))
    today = facts.at.astimezone(ZoneInfo(timezone)).date()
    matures_on = today + timedelta(days=offer.rule.hold_days)
    life = offer.rule.lifetime_days
    expires_on = NEVER if life is None else matures_on + timedelta(days=life)
    return Decision(offer, base, gross, today, matures_on, expires_on)


def _worth(offer: Offer, facts: Facts) -> tuple[int, int] | None:
    """Base and amount that an offer gives, or None where it does not apply."""
    rule = offer.rule
    open_now = offer.starts_at <= facts.at and (offer.ends_at is None or facts.at < offer.ends_at)
    if not open_now or facts.way not in rule.ways or not (facts.listed or rule.unlisted):
        return None
    if rule.products is not None and facts.product_id not in rule.products:
        return None
    if rule.segments and not rule.segments & facts.segments:
        return None
    if isinstance(rule.amount, Fixed):
        return 0, rule.amount.value * facts.units
    if facts.price is None:
        return None
    gross = share(facts.price, rule.amount.basis_points, rule.amount.rounding)
    return (facts.price, gross) if gross else None


def share(base: int, basis_points: int, rounding: Rounding) -> int:
    """A share of a base in minor units, in integers only."""
    whole, rest = divmod(base * basis_points, 10_000)
    up = {"down": False, "half_up": rest >= 5_000, "up": rest > 0}[rounding]
    return whole + up
