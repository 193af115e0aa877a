"""Turns a rule from the API into the stored rule: products by id, and no setting that cannot work."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Invalid
from backend.identity.brands.authentication import Member
from backend.programmes.campaigns.promo_schemas import PromoTermsIn, same_fields
from backend.programmes.campaigns.schemas import CampaignRuleIn
from backend.programmes.models import Product
from backend.programmes.rules.rule import FixedAmount, Promo, Rule


class ProductsUnknown(Invalid):
    """Your brand has no products with these SKUs: {skus}."""

    code = "products_unknown"


class LifetimeTooShort(Invalid):
    """What is earned must live longer than it is held back."""

    code = "lifetime_too_short"


class CapTooLow(Invalid):
    """The day's cap is lower than what is paid at once, so the amount would never be paid."""

    code = "cap_too_low"


class AgentCapTooLow(Invalid):
    """The agent's cap is lower than what is paid at once, so the amount would never be paid."""

    code = "agent_cap_too_low"


class StackingInvalid(Invalid):
    """A campaign is either stackable or exclusive; how promo codes combine is set in promo."""

    code = "stacking_invalid"


class UnlistedUnguarded(Invalid):
    """Anybody can make up a unit that is in no list: pay for these only with hold_days and cap_per_agent_day."""

    code = "unlisted_unguarded"


class PromoMixed(Invalid):
    """The way promo goes with no other way, and with the field promo that has the discount."""

    code = "promo_mixed"


class WordLengthsCrossed(Invalid):
    """The minimum length of a word is greater than its maximum length."""

    code = "wish_lengths_crossed"


class NothingCounts(Invalid):
    """Every product of this rule is excluded, so it would never apply."""

    code = "nothing_counts"


RULE_INPUT_ERRORS = (
    ProductsUnknown,
    LifetimeTooShort,
    CapTooLow,
    AgentCapTooLow,
    UnlistedUnguarded,
    PromoMixed,
    WordLengthsCrossed,
    NothingCounts,
    StackingInvalid,
)


async def build_rule(session: AsyncSession, member: Member, rule: CampaignRuleIn) -> Rule:
    """The rule that is stored and decided on.

    Raises:
        ProductsUnknown, LifetimeTooShort, CapTooLow, AgentCapTooLow, UnlistedUnguarded, PromoMixed,
        WordLengthsCrossed, NothingCounts, StackingInvalid.
    """
    _check_rule(rule)
    products = await _product_ids(session, member, rule.products)
    promo = None if rule.promo is None else await _build_promo(session, member, rule.promo)
    if promo and promo.excluded and products and products <= promo.excluded:
        raise NothingCounts
    return Rule(
        ways=rule.ways,
        amount=rule.amount,
        products=products,
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
        promo=promo,
    )


def _check_rule(rule: CampaignRuleIn) -> None:
    if rule.lifetime_days is not None and rule.lifetime_days <= rule.hold_days:
        raise LifetimeTooShort
    if isinstance(rule.amount, FixedAmount) and rule.cap_per_agent_day and rule.amount.value > rule.cap_per_agent_day:
        raise CapTooLow
    if isinstance(rule.amount, FixedAmount) and rule.cap_per_agent and rule.amount.value > rule.cap_per_agent:
        raise AgentCapTooLow
    if rule.unlisted and (not rule.hold_days or rule.cap_per_agent_day is None):
        raise UnlistedUnguarded
    if (rule.promo is not None) != ("promo" in rule.ways) or (rule.promo and len(rule.ways) > 1):
        raise PromoMixed
    if (rule.stacks or rule.exclusive) and (rule.promo or (rule.stacks and rule.exclusive)):
        raise StackingInvalid
    if rule.promo and rule.promo.shortest > rule.promo.longest:
        raise WordLengthsCrossed


async def _build_promo(session: AsyncSession, member: Member, promo: PromoTermsIn) -> Promo:
    return Promo(**same_fields(promo), excluded=await _product_ids(session, member, promo.excluded))


async def _product_ids(session: AsyncSession, member: Member, skus: Iterable[str] | None) -> frozenset[int] | None:
    if skus is None:
        return None
    requested = {sku.removeprefix("/") for sku in skus}
    rows = select(Product.sku, Product.id).where(Product.brand_id == member.brand_id, Product.sku.in_(requested))
    ids = {row.sku: row.id for row in await session.execute(rows)}
    if missing := sorted(requested - ids.keys()):
        raise ProductsUnknown(skus=", ".join(missing[:20]))
    return frozenset(ids.values())
