"""A rule as a brand writes it becomes the rule that is kept: products by id, and nothing that cannot work."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member
from backend.errors import Invalid
from backend.programmes.campaign_schemas import RuleIn
from backend.programmes.models import Product
from backend.programmes.promo_schemas import PromoIn, same_fields
from backend.programmes.rules import Fixed, Promo, Rule


class ProductsUnknown(Invalid):
    """Your brand has no products with these SKUs: {skus}."""


class LifetimeTooShort(Invalid):
    """What is earned must live longer than it is held back."""


class CapTooLow(Invalid):
    """The day's cap is lower than what is paid at once, so the amount would never be paid."""


class UnlistedUnguarded(Invalid):
    """Anybody can make up a unit that is in no list: pay for these only with hold_days and cap_per_agent_day."""


class PromoMixed(Invalid):
    """The way promo stands alone, and a rule that has it says in promo what the buyer gets."""


class WishLengthsCrossed(Invalid):
    """The shortest wish is longer than the longest."""


class NothingCounts(Invalid):
    """Every product of this rule is excluded, so it would never apply."""


REFUSALS = (
    ProductsUnknown, LifetimeTooShort, CapTooLow, UnlistedUnguarded, PromoMixed, WishLengthsCrossed, NothingCounts
)  # fmt: skip


async def stored(session: AsyncSession, member: Member, rule: RuleIn) -> Rule:
    """A rule as it is kept and decided on.

    Raises:
        ProductsUnknown, LifetimeTooShort, CapTooLow, UnlistedUnguarded, PromoMixed, WishLengthsCrossed,
        NothingCounts: as they say.
    """
    _check(rule)
    products = await _ids(session, member, rule.products)
    promo = None if rule.promo is None else await _promo(session, member, rule.promo)
    if promo and promo.excluded and products and products <= promo.excluded:
        raise NothingCounts
    return Rule(
        ways=rule.ways,
        amount=rule.amount,
        products=products,
        cap_per_agent_day=rule.cap_per_agent_day,
        hold_days=rule.hold_days,
        lifetime_days=rule.lifetime_days,
        unlisted=rule.unlisted,
        promo=promo,
    )


def _check(rule: RuleIn) -> None:
    if rule.lifetime_days is not None and rule.lifetime_days <= rule.hold_days:
        raise LifetimeTooShort
    if isinstance(rule.amount, Fixed) and rule.cap_per_agent_day and rule.amount.value > rule.cap_per_agent_day:
        raise CapTooLow
    if rule.unlisted and (not rule.hold_days or rule.cap_per_agent_day is None):
        raise UnlistedUnguarded
    if (rule.promo is not None) != ("promo" in rule.ways) or (rule.promo and len(rule.ways) > 1):
        raise PromoMixed
    if rule.promo and rule.promo.shortest > rule.promo.longest:
        raise WishLengthsCrossed


async def _promo(session: AsyncSession, member: Member, promo: PromoIn) -> Promo:
    return Promo(**same_fields(promo), excluded=await _ids(session, member, promo.excluded))


async def _ids(session: AsyncSession, member: Member, skus: Iterable[str] | None) -> frozenset[int] | None:
    if skus is None:
        return None
    wanted = {sku.removeprefix("/") for sku in skus}
    rows = select(Product.sku, Product.id).where(Product.brand_id == member.brand_id, Product.sku.in_(wanted))
    found = {row.sku: row.id for row in await session.execute(rows)}
    if missing := sorted(wanted - found.keys()):
        raise ProductsUnknown(skus=", ".join(missing[:20]))
    return frozenset(found.values())
