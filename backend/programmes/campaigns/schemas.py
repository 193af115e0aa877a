"""Campaigns and their rules in the API: products by SKU, amounts in minor units of the programme's currency."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta, field

from backend.core.http.models import LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.programmes.campaigns.promo_schemas import PromoTermsIn, PromoTermsOut
from backend.programmes.models import CampaignState, CampaignVersion
from backend.programmes.rules.explanation import Explanation
from backend.programmes.rules.rule import Count, FixedAmount, PercentAmount, Rule, Way
from backend.programmes.schemas import Id, Moment, Next, Price, Sku

MAX_PRODUCTS = 10_000

WayName = Annotated[Way, Meta(examples=["package"])]
Title = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Осенний бонус"])]
TitleEn = Annotated[str, Meta(max_length=120, pattern=LINE_OR_NOTHING, examples=["Autumn bonus"])]
State = Annotated[CampaignState, Meta(examples=["active"])]
Instant = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Money = Annotated[int, Meta(description="Minor units.", examples=[1500000])]
ProgrammeId = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[17])]
VersionNumber = Annotated[int, Meta(examples=[2])]
AgentDayCap = Annotated[Count, Meta(description="Limit for one agent on a day.", examples=[100000])]
AgentCap = Annotated[
    Count,
    Meta(
        description="Limit for one agent in the whole campaign. Returns do not raise it again.",
        examples=[1000000],
    ),
]
HoldDays = Annotated[int, Meta(description="Days until it may be spent.", ge=0, le=365, examples=[14])]
LifetimeDays = Annotated[
    int, Meta(description="Days from then on until it expires; for ever when left out.", ge=1, le=3660, examples=[365])
]
Unlisted = Annotated[
    bool,
    Meta(
        description="Award also for marked units that are in none of the brand's lists. Such a code can be invented, "
        "so this requires `hold_days` and `cap_per_agent_day`.",
        examples=[False],
    ),
]

UnitsPerReceipt = Annotated[Count, Meta(description="Units of one product that one receipt pays for.", examples=[5])]
ReceiptDays = Annotated[
    int,
    Meta(
        ge=1,
        le=75,
        description="Days after the purchase in which a receipt may be scanned; the installation's when left out.",
        examples=[14],
    ),
]
Priority = Annotated[
    int,
    Meta(
        ge=-1000,
        le=1000,
        description="Of several campaigns that match a package or a receipt line, the one with the highest priority "
        "awards, among equals the one with the highest award. Promo codes have theirs in `promo`.",
        examples=[0],
    ),
]
Stacks = Annotated[
    bool,
    Meta(
        description="Its award is added to that of the best campaign that does not stack, with its own caps.",
        examples=[False],
    ),
]
Exclusive = Annotated[
    bool,
    Meta(
        description="Not combined with others: the best exclusive campaign is compared with all others, by priority, "
        "then by sum. Promo codes have theirs in `promo`.",
        examples=[False],
    ),
]
StartsFrom = Annotated[
    datetime,
    Meta(
        tz=True,
        description="With a new name or rule: the time from which it applies; the current one applies until then. "
        "Another rule without it, or with another time, replaces the planned one.",
        examples=["2026-12-01T00:00:00+03:00"],
    ),
]


class CampaignRuleIn(RequestModel):
    """What a campaign awards: ways of earning, products, amount, when it may be spent, and the caps."""

    ways: Annotated[frozenset[WayName], Meta(min_length=1)]
    amount: FixedAmount | PercentAmount
    products: (
        Annotated[list[Sku], Meta(description="All products when left out.", min_length=1, max_length=MAX_PRODUCTS)]
        | None
    ) = None
    cap_per_agent_day: AgentDayCap | None = None
    cap_per_agent: AgentCap | None = None
    hold_days: HoldDays = 0
    lifetime_days: LifetimeDays | None = None
    unlisted: Unlisted = False
    units_per_receipt: UnitsPerReceipt | None = None
    receipt_days: ReceiptDays | None = None
    priority: Priority = 0
    stacks: Stacks = False
    exclusive: Exclusive = False
    promo: (
        Annotated[PromoTermsIn, Meta(description="With the way `promo` and no other way.", examples=[None])] | None
    ) = None


class CampaignRuleOut(ResponseModel):
    """A rule of a campaign version."""

    ways: list[WayName]
    amount: FixedAmount | PercentAmount
    products: list[Sku] | None = None
    cap_per_agent_day: AgentDayCap | None = None
    cap_per_agent: AgentCap | None = None
    hold_days: HoldDays = 0
    lifetime_days: LifetimeDays | None = None
    unlisted: Unlisted = False
    units_per_receipt: UnitsPerReceipt | None = None
    receipt_days: ReceiptDays | None = None
    priority: Priority = 0
    stacks: Stacks = False
    exclusive: Exclusive = False
    promo: Annotated[PromoTermsOut, Meta(examples=[None])] | None = None

    @classmethod
    def of(cls, rule: Rule, skus: Mapping[int, str]) -> Self:
        return cls(
            ways=sorted(rule.ways),
            amount=rule.amount,
            products=None if rule.products is None else sorted(skus[product_id] for product_id in rule.products),
            cap_per_agent_day=rule.cap_per_agent_day,
            cap_per_agent=rule.cap_per_agent,
            hold_days=rule.hold_days,
            lifetime_days=rule.lifetime_days,
            unlisted=rule.unlisted,
            units_per_receipt=rule.units_per_receipt,
            receipt_days=rule.receipt_days,
            priority=rule.priority,
            stacks=rule.stacks,
            exclusive=rule.exclusive,
            promo=None if rule.promo is None else PromoTermsOut.of(rule.promo, skus),
        )


class CampaignIn(RequestModel):
    """The wanted state of a campaign. Another name or rule makes a new version; earlier awards keep their version."""

    programme_id: ProgrammeId
    name_ru: Title
    starts_at: Instant
    rule: CampaignRuleIn
    name_en: TitleEn = ""
    state: State = "draft"
    ends_at: Instant | None = None
    budget: (
        Annotated[
            Count, Meta(description="What it may award from now on; no limit when left out.", examples=[50000000])
        ]
        | None
    ) = None
    rule_from: StartsFrom | None = None


class CampaignWarning(ResponseModel):
    """A valid setting with which a campaign cannot pay."""

    code: Annotated[str, Meta(description="For machines.", examples=["products_without_price"])]
    text: Annotated[str, Meta(examples=["These products have no price, so a share of it pays nothing: KB-24"])]


class CampaignVersionOut(ResponseModel):
    """A version of a campaign's name and rule."""

    version: VersionNumber
    name_ru: Title
    rule: CampaignRuleOut
    created_at: Moment
    name_en: TitleEn = ""
    staff_id: Id | None = None

    @classmethod
    def of(cls, row: CampaignVersion, rule: Rule, skus: Mapping[int, str]) -> Self:
        rule_out = CampaignRuleOut.of(rule, skus)
        return cls(row.version, row.name_ru, rule_out, row.created_at, row.name_en, row.staff_id)


class CampaignOut(ResponseModel):
    """A campaign with its current rule and remaining budget; a single campaign also has all versions."""

    id: Id
    key: Annotated[str, Meta(examples=["autumn"])]
    programme_id: Id
    name_ru: Title
    state: State
    starts_at: Moment
    version: VersionNumber
    rule: CampaignRuleOut
    created_at: Moment
    name_en: TitleEn = ""
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-22T10:00:00Z"])] | None = None
    budget: Money | None = None
    remaining: Money | None = None
    next_version: Annotated[int | None, Meta(description="The version that is planned.", examples=[None, 3])] = None
    next_at: Annotated[
        datetime | None, Meta(description="The time from which the planned version applies.", examples=[None])
    ] = None
    warnings: Annotated[list[CampaignWarning], Meta(description="Only of a single campaign.")] = field(
        default_factory=list
    )
    versions: Annotated[list[CampaignVersionOut], Meta(description="The newest first.")] = field(default_factory=list)


class CampaignPage(ResponseModel):
    """Campaigns in the order of their keys."""

    items: list[CampaignOut]
    next: Next = None


class CampaignPreviewIn(RequestModel):
    """A rule, and facts to decide on."""

    programme_id: ProgrammeId
    rule: CampaignRuleIn
    way: WayName
    sku: Sku
    price: Price | None = None
    at: Instant | None = None
    listed: Annotated[bool, Meta(description="Whether a marked unit is in a list of the brand.")] = True
    name_ru: Title = "Черновик"
    name_en: TitleEn = "Draft"


class CampaignPreviewOut(ResponseModel):
    """What the rule would award, with its explanation."""

    applies: bool
    reason: Annotated[
        str | None, Meta(description="Error code if it awards nothing.", examples=[None, "other_products"])
    ] = None
    text: Annotated[str | None, Meta(description="The reason as a sentence.", examples=[None])] = None
    amount: Annotated[
        int, Meta(description="Minor units, for the agent's first claim of the day.", examples=[15000])
    ] = 0
    explanation: Explanation | None = None
