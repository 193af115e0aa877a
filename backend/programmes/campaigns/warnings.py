"""Warnings about valid settings with which a campaign cannot pay."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.language import translate
from backend.programmes.campaigns.schemas import CampaignWarning
from backend.programmes.models import Campaign, Product
from backend.programmes.rules.rule import PAYING_WAYS, FixedAmount, Rule

MAX_SKUS = 20


async def campaign_warnings(session: AsyncSession, campaign: Campaign, rule: Rule) -> list[CampaignWarning]:
    """Warnings about a campaign and its current rule."""
    warnings = []
    if unserved := sorted(rule.ways - PAYING_WAYS):
        text = translate("Nothing earns by these ways yet: {ways}.", ways=", ".join(unserved))
        warnings.append(CampaignWarning("way_not_served", text))
    if skus := await _skus_without_price(session, campaign, rule):
        text = translate("These products have no price, so a share of it pays nothing: {skus}.", skus=", ".join(skus))
        warnings.append(CampaignWarning("products_without_price", text))
    if isinstance(rule.amount, FixedAmount) and campaign.budget is not None and campaign.budget < rule.amount.value:
        warnings.append(CampaignWarning("budget_too_small", translate("The budget does not pay for one time.")))
    if campaign.state == "active" and campaign.ends_at is not None and campaign.ends_at <= datetime.now(UTC):
        warnings.append(CampaignWarning("already_over", translate("The campaign is active, but its time is over.")))
    return warnings


async def _skus_without_price(session: AsyncSession, campaign: Campaign, rule: Rule) -> list[str]:
    """SKUs for which a share of the recommended price is nothing. Receipts have prices of their own."""
    if isinstance(rule.amount, FixedAmount) or not rule.ways & {"package", "marking"}:
        return []
    rows = select(Product.sku).where(
        Product.brand_id == campaign.brand_id, Product.price.is_(None), Product.archived_at.is_(None)
    )
    if rule.products is not None:
        rows = rows.where(Product.id.in_(rule.products))
    return list(await session.scalars(rows.order_by(Product.sku).limit(MAX_SKUS)))
