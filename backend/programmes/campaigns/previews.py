"""Previews of rules: decide as for a real claim, but write nothing."""

from datetime import datetime

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.language import translate
from backend.identity.brands.authentication import Member
from backend.programmes import service
from backend.programmes.campaigns import rule_input
from backend.programmes.campaigns import service as campaigns
from backend.programmes.campaigns.schemas import CampaignPreviewIn, CampaignPreviewOut
from backend.programmes.products import service as products
from backend.programmes.rules.explanation import AccrualAmounts, RuleVersion, explain_accrual
from backend.programmes.rules.rule import (
    ActiveCampaign,
    Decision,
    Facts,
    FixedAmount,
    Promo,
    decide_award,
    mismatch_reason,
    share_of,
)

# Why a rule awards nothing in a preview.
MISMATCH_TEXTS = {
    "not_running": "The campaign does not run at that time.",
    "other_way": "The rule does not pay for this way of earning.",
    "not_listed": "The unit is in none of your lists, and the rule pays for listed units only.",
    "other_products": "The rule does not name this product.",
    "other_segment": "The rule pays for other agents.",
    "no_price": "The rule pays a share of the price, and the product has none.",
    "rounds_to_nothing": "The share is less than the smallest unit of the currency.",
    "no_discount": "A code takes nothing off: the product is excluded, has no price, or costs less than the minimum.",
}


async def preview_rule(
    session: AsyncSession, member: Member, draft: CampaignPreviewIn, now: datetime
) -> CampaignPreviewOut:
    """Decide as a real claim would, for an agent who got nothing on that day.

    Raises:
        ProgrammeUnknown, ProductUnknown, DatesInvalid, RULE_INPUT_ERRORS.
    """
    at = draft.at or now
    if not campaigns.EARLIEST_DATE <= at < campaigns.LATEST_DATE:
        raise campaigns.DatesInvalid
    programme = await service.get_programme_by_id(session, member, draft.programme_id)
    product = await products.get_product(session, member, draft.sku.removeprefix("/"))
    rule = await rule_input.build_rule(session, member, draft.rule)
    campaign = ActiveCampaign(0, 0, 1, starts_at=at, ends_at=None, budgeted=False, rule=rule)
    price = product.price if draft.price is None else draft.price
    if rule.promo is not None:
        price = _price_after_discount(rule.promo, product.id, price)
        if price is None:
            return _refused_preview("no_discount")
    facts = Facts(draft.way, product.id, price, at, listed=draft.listed)
    decision = decide_award([campaign], facts, programme.timezone)
    if decision is None:
        return _refused_preview(mismatch_reason(campaign, facts) or "not_running")
    if rule.promo is not None and price is not None:
        decision = structs.replace(decision, base=price)
    version = RuleVersion(1, rule, draft.name_ru, draft.name_en, programme.currency)
    return _applied_preview(version, decision)


def _refused_preview(reason: str) -> CampaignPreviewOut:
    return CampaignPreviewOut(applies=False, reason=reason, text=translate(MISMATCH_TEXTS[reason]))


def _price_after_discount(promo: Promo, product_id: int, price: int | None) -> int | None:
    """The price of a single product with a promo code, in kopecks; None if the code gives no discount."""
    if price is None or product_id in (promo.excluded or ()) or price < (promo.minimum or 0):
        return None
    rate = promo.discount
    discount = rate.value if isinstance(rate, FixedAmount) else share_of(price, rate.basis_points, rate.rounding)
    return price - min(price, discount, discount if promo.most is None else promo.most)


def _applied_preview(version: RuleVersion, decision: Decision) -> CampaignPreviewOut:
    rule = version.rule
    amount = min(decision.gross, rule.cap_per_agent_day or decision.gross, rule.cap_per_agent or decision.gross)
    accrued = AccrualAmounts(0, decision.base, decision.gross, amount, decision.matures_on, decision.expires_on)
    waits = decision.matures_on > decision.today
    return CampaignPreviewOut(applies=True, amount=amount, explanation=explain_accrual(version, accrued, waits=waits))
