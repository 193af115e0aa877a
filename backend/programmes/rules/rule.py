"""Rules of campaigns as data, and the pure function that decides what a claim, sale or receipt line is awarded."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from backend.programmes.rules.exclusivity import apply_exclusivity

Way = Literal["package", "marking", "receipt", "promo", "equipment", "referral"]
Rounding = Literal["down", "half_up", "up"]
MismatchReason = Literal[
    "not_running", "other_way", "not_listed", "other_products", "other_segment", "no_price", "rounds_to_nothing"
]
# Ways of earning that are implemented.
PAYING_WAYS: frozenset[Way] = frozenset({"package", "marking", "receipt", "promo"})
NEVER = date(9999, 12, 31)

Count = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class FixedAmount(msgspec.Struct, tag="fixed", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A fixed number of minor units each time."""

    value: Annotated[Count, msgspec.Meta(description="Minor units of the programme's currency.", examples=[5000])]


class PercentAmount(msgspec.Struct, tag="percent", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A share of the base (a product's recommended price, a receipt line's sum), in basis points."""

    basis_points: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="150 is 1.5 %.", examples=[150])]
    rounding: Rounding = "half_up"


class Promo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The discount of a promo code, how often it can be used, and which codes it combines with. Money in kopecks.

    The rule's `products` are those that count, its `amount` is the agent's bonus: a share of what the buyer paid for
    them, or so much for each sale. Its `hold_days` are the window of returns.
    """

    discount: FixedAmount | PercentAmount
    most: Annotated[Count | None, msgspec.Meta(description="Maximum discount of one basket.")] = None
    minimum: Annotated[Count | None, msgspec.Meta(description="The minimum sum of the lines that count.")] = None
    own_goods: Annotated[bool, msgspec.Meta(description="Only lines count that are products of the brand.")] = False
    excluded: Annotated[frozenset[int] | None, msgspec.Meta(description="Product ids that do not count.")] = None
    uses: Annotated[Count | None, msgspec.Meta(description="Sales for each code.")] = None
    uses_per_buyer: Count | None = None
    uses_per_agent: Annotated[Count | None, msgspec.Meta(description="Sales over all codes of one agent.")] = None
    uses_per_shop_day: Count | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000, description="Higher goes first.")] = 0
    group: Annotated[str, msgspec.Meta(max_length=40, description="Of one group only the best counts.")] = ""
    exclusive: Annotated[bool, msgspec.Meta(description="Not combined with other codes.")] = False
    gives_use_back: Annotated[bool, msgspec.Meta(description="When all of a sale came back.")] = True
    codes_per_agent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    shortest: Annotated[
        int, msgspec.Meta(ge=3, le=16, description="Minimum length of a word that an agent chooses.")
    ] = 4
    longest: Annotated[int, msgspec.Meta(ge=3, le=16)] = 16


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a campaign awards, when it may be spent, and its caps. `segments` limits it to some agents; empty: all."""

    ways: Annotated[frozenset[Way], msgspec.Meta(min_length=1, examples=[["package"]])]
    amount: FixedAmount | PercentAmount
    products: Annotated[frozenset[int] | None, msgspec.Meta(description="Product ids; all when empty.")] = None
    segments: frozenset[str] = frozenset()
    cap_per_agent_day: Count | None = None
    cap_per_agent: Annotated[Count | None, msgspec.Meta(description="In the campaign's whole time.")] = None
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
    receipt_days: (
        Annotated[int, msgspec.Meta(ge=1, le=75, description="Days in which a receipt may be sent.")] | None
    ) = None
    priority: Annotated[
        int, msgspec.Meta(ge=-1000, le=1000, description="The campaign with the highest one decides, then the best.")
    ] = 0
    stacks: Annotated[
        bool, msgspec.Meta(description="Its award is added to that of the best campaign that does not stack.")
    ] = False
    exclusive: Annotated[bool, msgspec.Meta(description="Not combined with other campaigns.")] = False
    promo: Promo | None = None

    def __post_init__(self) -> None:
        if (self.promo is not None) != ("promo" in self.ways) or (self.promo and len(self.ways) > 1):
            raise ValueError("`promo` goes with the way `promo` and with no other way")
        if (self.stacks and self.exclusive) or (self.promo and (self.stacks or self.exclusive)):
            raise ValueError("`stacks` and `exclusive` exclude each other; promo codes have theirs in `promo`")
        # docs/decisions/0015: an unlisted unit earns little, and late.
        if self.unlisted and (self.hold_days < 1 or self.cap_per_agent_day is None):
            raise ValueError("`unlisted` takes `hold_days` of at least 1 and `cap_per_agent_day`")


class ActiveCampaign(msgspec.Struct, frozen=True):
    """A campaign as the decision needs it: the current version of its rule, and when it runs."""

    campaign_id: int
    version_id: int
    version: int
    starts_at: datetime
    ends_at: datetime | None
    budgeted: bool
    rule: Rule

    def is_running(self, at: datetime) -> bool:
        """Whether it awards at a time: from its start until before its end."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class Facts(msgspec.Struct, frozen=True):
    """What happened. `price` is the base of percentage rules in minor units, if it is known.

    `listed` is False for a marked unit that is in no list of its brand. A fixed amount is paid for each of `units`;
    `price` is the price of all units.
    """

    way: Way
    product_id: int
    price: int | None
    at: datetime
    segments: frozenset[str] = frozenset()
    listed: bool = True
    units: int = 1


class Decision(msgspec.Struct, frozen=True):
    """What a campaign awards before the caps, which only the transaction knows. Amounts in minor units.

    `additional` holds the awards of campaigns that stack on top.
    """

    campaign: ActiveCampaign
    base: int
    gross: int
    today: date
    matures_on: date
    expires_on: date
    additional: "tuple[Decision, ...]" = ()


class MatchingCampaign(NamedTuple):
    """A campaign that awards something for the facts."""

    campaign: ActiveCampaign
    base: int
    gross: int

    @property
    def rank(self) -> tuple[int, int, int]:
        """Order among campaigns: priority, then amount, then age (the older campaign first)."""
        return self.campaign.rule.priority, self.gross, -self.campaign.campaign_id


def decide_award(campaigns: Sequence[ActiveCampaign], facts: Facts, timezone: str) -> Decision | None:
    """Choose the campaign with the highest priority, then the highest amount, then the lowest id, and the campaigns
    that stack on top of it in the same order. Return None if no campaign matches.

    The best exclusive campaign is compared with all others in sum, and wins or loses against all of them. Days are
    those of the programme's time zone. Pure: the same facts give the same decision.
    """
    matches = [
        MatchingCampaign(campaign, *amounts) for campaign in campaigns if (amounts := _award_amounts(campaign, facts))
    ]
    if not matches:
        return None
    today = facts.at.astimezone(ZoneInfo(timezone)).date()
    main, *additional = [_award_decision(match, today) for match in _awarding_campaigns(matches)]
    return msgspec.structs.replace(main, additional=tuple(additional)) if additional else main


def _awarding_campaigns(matches: Sequence[MatchingCampaign]) -> list[MatchingCampaign]:
    """The campaigns that award for the same facts; the first one decides whether the claim is paid."""
    if not any(match.campaign.rule.stacks or match.campaign.rule.exclusive for match in matches):
        return [max(matches, key=lambda match: match.rank)]
    ordered = sorted(matches, key=lambda match: match.rank, reverse=True)
    combinable = [match for match in ordered if not (match.campaign.rule.stacks or match.campaign.rule.exclusive)][:1]
    combinable += [match for match in ordered if match.campaign.rule.stacks]
    exclusive = [match for match in ordered if match.campaign.rule.exclusive]
    return apply_exclusivity(
        combinable,
        exclusive,
        lambda match: (match.campaign.rule.priority, match.gross),
        lambda group: (max(match.campaign.rule.priority for match in group), sum(match.gross for match in group)),
    )


def _award_decision(match: MatchingCampaign, today: date) -> Decision:
    rule = match.campaign.rule
    matures_on = today + timedelta(days=rule.hold_days)
    expires_on = NEVER if rule.lifetime_days is None else matures_on + timedelta(days=rule.lifetime_days)
    return Decision(match.campaign, match.base, match.gross, today, matures_on, expires_on)


def mismatch_reason(campaign: ActiveCampaign, facts: Facts) -> MismatchReason | None:
    """Why a campaign awards nothing for the facts; None if it awards something. Pure."""
    rule = campaign.rule
    if not campaign.is_running(facts.at):
        return "not_running"
    if facts.way not in rule.ways:
        return "other_way"
    if not (facts.listed or rule.unlisted):
        return "not_listed"
    if rule.products is not None and facts.product_id not in rule.products:
        return "other_products"
    if rule.segments and not rule.segments & facts.segments:
        return "other_segment"
    if isinstance(rule.amount, PercentAmount) and facts.price is None:
        return "no_price"
    return None if _gross_amount(rule, facts) else "rounds_to_nothing"


def _award_amounts(campaign: ActiveCampaign, facts: Facts) -> tuple[int, int] | None:
    """Base and gross amount of a campaign; None if it does not match."""
    if mismatch_reason(campaign, facts):
        return None
    return _base_amount(campaign.rule, facts), _gross_amount(campaign.rule, facts)


def _base_amount(rule: Rule, facts: Facts) -> int:
    return 0 if isinstance(rule.amount, FixedAmount) else facts.price or 0


def _gross_amount(rule: Rule, facts: Facts) -> int:
    if isinstance(rule.amount, FixedAmount):
        return rule.amount.value * facts.units
    return share_of(facts.price or 0, rule.amount.basis_points, rule.amount.rounding)


def share_of(base: int, basis_points: int, rounding: Rounding) -> int:
    """A share of a base in minor units, computed with integers."""
    whole, rest = divmod(base * basis_points, 10_000)
    rounds_up = {"down": False, "half_up": rest >= 5_000, "up": rest > 0}[rounding]
    return whole + rounds_up
