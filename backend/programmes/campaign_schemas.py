"""Campaigns and their rules over the wire: products by SKU, amounts in minor units of the programme's currency."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta, field

from backend.programmes.explain import Explanation
from backend.programmes.models import CampaignState, CampaignVersion
from backend.programmes.promo_schemas import PromoIn, PromoOut
from backend.programmes.rules import Count, Fixed, Percent, Rule, Way
from backend.programmes.schemas import Id, Moment, Next, Price, Sku
from backend.wire import LINE, LINE_OR_NOTHING, In, Out

PRODUCTS = 10_000

WayName = Annotated[Way, Meta(examples=["package"])]
Title = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Осенний бонус"])]
TitleEn = Annotated[str, Meta(max_length=120, pattern=LINE_OR_NOTHING, examples=["Autumn bonus"])]
State = Annotated[CampaignState, Meta(examples=["active"])]
Instant = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Money = Annotated[int, Meta(description="Minor units.", examples=[1500000])]
Wanted = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
Number = Annotated[int, Meta(examples=[2])]
Cap = Annotated[Count, Meta(description="The most that one agent gets from it on a day.", examples=[100000])]
HoldDays = Annotated[int, Meta(description="Days until it may be spent.", ge=0, le=365, examples=[14])]
LifetimeDays = Annotated[
    int, Meta(description="Days from then on until it expires; for ever when left out.", ge=1, le=3660, examples=[365])
]
Unlisted = Annotated[
    bool,
    Meta(
        description="Pay for units under state marking that are in none of the brand's lists, too. Anybody can make "
        "one up, so it takes `hold_days` and `cap_per_agent_day`.",
        examples=[False],
    ),
]


class RuleIn(In):
    """What is paid: for which way of earning and which products, how much, when it may be spent, and the caps."""

    ways: Annotated[frozenset[WayName], Meta(min_length=1)]
    amount: Fixed | Percent
    products: (
        Annotated[list[Sku], Meta(description="All products when left out.", min_length=1, max_length=PRODUCTS)] | None
    ) = None
    cap_per_agent_day: Cap | None = None
    hold_days: HoldDays = 0
    lifetime_days: LifetimeDays | None = None
    unlisted: Unlisted = False
    promo: Annotated[PromoIn, Meta(description="With the way `promo`, alone.", examples=[None])] | None = None


class RuleOut(Out):
    """A rule as it stood."""

    ways: list[WayName]
    amount: Fixed | Percent
    products: list[Sku] | None = None
    cap_per_agent_day: Cap | None = None
    hold_days: HoldDays = 0
    lifetime_days: LifetimeDays | None = None
    unlisted: Unlisted = False
    promo: Annotated[PromoOut, Meta(examples=[None])] | None = None

    @classmethod
    def of(cls, rule: Rule, skus: Mapping[int, str]) -> Self:
        return cls(
            ways=sorted(rule.ways),
            amount=rule.amount,
            products=None if rule.products is None else sorted(skus[number] for number in rule.products),
            cap_per_agent_day=rule.cap_per_agent_day,
            hold_days=rule.hold_days,
            lifetime_days=rule.lifetime_days,
            unlisted=rule.unlisted,
            promo=None if rule.promo is None else PromoOut.of(rule.promo, skus),
        )


class CampaignIn(In):
    """A campaign as it should be. Another name or rule makes a new version; accruals keep the one they were made by."""

    programme_id: Wanted
    name_ru: Title
    starts_at: Instant
    rule: RuleIn
    name_en: TitleEn = ""
    state: State = "draft"
    ends_at: Instant | None = None
    budget: (
        Annotated[
            Count, Meta(description="All that it may pay from now on; no limit when left out.", examples=[50000000])
        ]
        | None
    ) = None


class VersionOut(Out):
    """A name and rule as they stood from a time on."""

    version: Number
    name_ru: Title
    rule: RuleOut
    created_at: Moment
    name_en: TitleEn = ""
    staff_id: Id | None = None

    @classmethod
    def of(cls, row: CampaignVersion, rule: Rule, skus: Mapping[int, str]) -> Self:
        shown = RuleOut.of(rule, skus)
        return cls(row.version, row.name_ru, shown, row.created_at, row.name_en, row.staff_id)


class CampaignOut(Out):
    """A campaign with its newest rule, what is left of its budget, and, read alone, all its versions."""

    id: Id
    key: Annotated[str, Meta(examples=["autumn"])]
    programme_id: Id
    name_ru: Title
    state: State
    starts_at: Moment
    version: Number
    rule: RuleOut
    created_at: Moment
    name_en: TitleEn = ""
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-22T10:00:00Z"])] | None = None
    budget: Money | None = None
    remaining: Money | None = None
    versions: Annotated[list[VersionOut], Meta(description="The newest first.")] = field(default_factory=list)


class CampaignPage(Out):
    """Campaigns in the order of their keys."""

    items: list[CampaignOut]
    next: Next = None


class PreviewIn(In):
    """A rule, and something that could happen."""

    programme_id: Wanted
    rule: RuleIn
    way: WayName
    sku: Sku
    price: Price | None = None
    at: Instant | None = None
    listed: Annotated[bool, Meta(description="Whether a marked unit is in a list of the brand's.")] = True
    name_ru: Title = "Черновик"
    name_en: TitleEn = "Draft"


class PreviewOut(Out):
    """What the rule would pay for it, and how it would explain that."""

    applies: bool
    amount: Annotated[int, Meta(description="Minor units, for an agent's first of the day.", examples=[15000])] = 0
    explanation: Explanation | None = None
