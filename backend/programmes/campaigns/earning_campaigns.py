"""Active campaigns for boxes, marked units and receipts, as agents see them before they scan."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from babel.numbers import format_percent
from msgspec import Meta, field
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.models import ResponseModel
from backend.core.language import language, localized, money, translate
from backend.programmes.campaigns import budgets
from backend.programmes.campaigns.budgets import BudgetLeft, BudgetState
from backend.programmes.rules.explanation import RuleVersion
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from backend.programmes.schemas import Id, Next

EarningWay = Literal["package", "marking", "receipt"]
WAYS: tuple[EarningWay, ...] = ("package", "marking", "receipt")
MAX_NAMED_PRODUCTS = 10  # of the products of a campaign, which may be thousands

# Rules for a segment do not apply as long as agents have no segments.
PAGE = text("""
    SELECT k.id, k.programme_id, g.name AS programme, b.name AS brand, g.currency, v.id AS version_id, k.ends_at,
        k.budget, (SELECT sum(s.remaining)::bigint FROM budget_slices s WHERE s.campaign_id = k.id) AS remaining
    FROM campaigns k JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version
    JOIN programmes g ON g.id = k.programme_id JOIN brands b ON b.id = k.brand_id
    WHERE k.state = 'active' AND k.starts_at <= :now AND (k.ends_at IS NULL OR k.ends_at > :now)
        AND jsonb_exists_any(v.rule -> 'ways', CAST(:ways AS text[]))
        AND coalesce(v.rule -> 'segments', '[]') = '[]'
        AND k.id < :before AND (CAST(:programme AS bigint) IS NULL OR k.programme_id = :programme)
    ORDER BY k.id DESC LIMIT :most
""")
PRODUCTS = text("SELECT id, sku, name_ru, name_en FROM products WHERE id = ANY(:ids) AND archived_at IS NULL")


class CampaignProduct(ResponseModel):
    """A product that the campaign awards for."""

    sku: Annotated[str, Meta(examples=["RA16-374"])]
    name: Annotated[str, Meta(examples=["Double socket"])]


class EarningCampaign(ResponseModel):
    """A campaign with its amount and end; `text` describes it in a sentence. Amounts in minor units of the currency."""

    campaign: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    name: Annotated[str, Meta(examples=["Autumn bonus"])]
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    ways: Annotated[list[EarningWay], Meta(examples=[["package"]])]
    text: Annotated[str, Meta(examples=["RUB150.00 for each box, on chosen products, at most RUB500.00 a day"])]
    amount: FixedAmount | PercentAmount
    hold_days: Annotated[int, Meta(description="Days until the bonus may be spent.", examples=[14])] = 0
    lifetime_days: Annotated[int | None, Meta(description="Days after which it expires.", examples=[365])] = None
    cap_per_agent_day: Annotated[int | None, Meta(description="Your limit for a day.", examples=[50000])] = None
    cap_per_agent: Annotated[int | None, Meta(description="Your limit for the whole campaign.", examples=[1000000])] = (
        None
    )
    stacks: Annotated[bool, Meta(description="Added to the award of another campaign.", examples=[False])] = False
    exclusive: Annotated[bool, Meta(description="Not combined with other campaigns.", examples=[False])] = False
    units_per_receipt: Annotated[int | None, Meta(description="Of one product.", examples=[5])] = None
    receipt_days: Annotated[
        int | None, Meta(description="Days after the purchase in which a receipt may be scanned.", examples=[14])
    ] = None
    products_count: Annotated[
        int | None,
        Meta(description="Number of chosen products; without it all products of the brand count.", examples=[2]),
    ] = None
    products: Annotated[list[CampaignProduct], Meta(description="The first ten of them.")] = field(default_factory=list)
    ends_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-22T10:00:00Z"])] | None = None
    budget: BudgetState | None = None
    budget_left_percent: BudgetLeft | None = None


class EarningCampaignPage(ResponseModel):
    """Campaigns, newest first; `next` is the cursor of the following page."""

    items: list[EarningCampaign]
    next: Next = None


class EarningCampaignRow(NamedTuple):
    """The columns of `PAGE`."""

    id: int
    programme_id: int
    programme: str
    brand: str
    currency: Literal["PTS", "RUB"]
    version_id: int
    ends_at: datetime | None
    budget: int | None
    remaining: int | None


async def earning_campaign_rows(
    db: Database, now: datetime, ways: Sequence[EarningWay], programme: int | None, before: int | None, most: int
) -> list[EarningCampaignRow]:
    """Campaigns that are active now for one of the ways, newest first, with ids below `before`."""
    values = {"programme": programme, "before": 2**62 if before is None else before}
    rows = await db.rows(PAGE, now=now, ways=list(ways), most=most, **values)
    return [EarningCampaignRow(*row) for row in rows]


async def named_products(db: Database, rules: Iterable[Rule]) -> dict[int, CampaignProduct]:
    """The products that campaigns name."""
    ids = {product_id for rule in rules for product_id in _first_products(rule)}
    rows = await db.rows(PRODUCTS, ids=list(ids)) if ids else []
    return {row.id: CampaignProduct(row.sku, localized(row)) for row in rows}


def earning_campaign(
    row: EarningCampaignRow,
    versions: Mapping[int, RuleVersion],
    products: Mapping[int, CampaignProduct],
    low_percent: int,
) -> EarningCampaign:
    """A campaign as agents see it."""
    version = versions[row.version_id]
    rule = version.rule
    state, left = budgets.budget_state(row.budget, row.remaining, low_percent, _smallest_award(rule)) or (None, None)
    return EarningCampaign(
        campaign=row.id,
        programme_id=row.programme_id,
        programme=row.programme,
        brand=row.brand,
        name=version.name(),
        currency=row.currency,
        ways=[way for way in WAYS if way in rule.ways],
        text=describe_rule(rule, row.currency),
        amount=rule.amount,
        hold_days=rule.hold_days,
        lifetime_days=rule.lifetime_days,
        cap_per_agent_day=rule.cap_per_agent_day,
        cap_per_agent=rule.cap_per_agent,
        stacks=rule.stacks,
        exclusive=rule.exclusive,
        units_per_receipt=rule.units_per_receipt,
        receipt_days=rule.receipt_days,
        products_count=None if rule.products is None else len(rule.products),
        products=[products[product_id] for product_id in _first_products(rule) if product_id in products],
        ends_at=row.ends_at,
        budget=state,
        budget_left_percent=left,
    )


def describe_rule(rule: Rule, currency: str) -> str:
    """What a rule awards and on what conditions, in the caller's language."""
    parts = [_amount_text(way, rule, currency) for way in WAYS if way in rule.ways]
    if rule.products is not None:
        parts.append(translate("on chosen products"))
    if rule.units_per_receipt is not None and "receipt" in rule.ways:
        parts.append(translate("at most {count} units of a product on one receipt", count=rule.units_per_receipt))
    if rule.receipt_days is not None and "receipt" in rule.ways:
        parts.append(translate("receipts of the last {days} days", days=rule.receipt_days))
    if rule.cap_per_agent_day is not None:
        parts.append(translate("at most {amount} a day", amount=money(rule.cap_per_agent_day, currency)))
    if rule.cap_per_agent is not None:
        parts.append(translate("at most {amount} in all", amount=money(rule.cap_per_agent, currency)))
    if rule.stacks:
        parts.append(translate("on top of another offer"))
    if rule.exclusive:
        parts.append(translate("beside no other offer"))
    if rule.hold_days:
        parts.append(translate("available after {days} days", days=rule.hold_days))
    return ", ".join(parts)


def _amount_text(way: EarningWay, rule: Rule, currency: str) -> str:
    if isinstance(rule.amount, FixedAmount):
        amount = money(rule.amount.value, currency)
        match way:
            case "package":
                return translate("{amount} for each box", amount=amount)
            case "marking":
                return translate("{amount} for each marked unit", amount=amount)
            case "receipt":
                return translate("{amount} for each unit on a receipt", amount=amount)
    rate = format_percent(rule.amount.basis_points / 10_000, "#,##0.##%", locale=language.get())
    match way:
        case "package":
            return translate("{rate} of the recommended price of each box", rate=rate)
        case "marking":
            return translate("{rate} of the recommended price of each marked unit", rate=rate)
        case "receipt":
            return translate("{rate} of what the goods on a receipt cost", rate=rate)


def _smallest_award(rule: Rule) -> int:
    """The minimum that one scan consumes of a budget. A budget pays a scan in full or not at all."""
    return rule.amount.value if isinstance(rule.amount, FixedAmount) else 1


def _first_products(rule: Rule) -> list[int]:
    return sorted(rule.products or ())[:MAX_NAMED_PRODUCTS]
