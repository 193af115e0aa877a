"""Campaigns as the console shows them: the current rule with SKUs, the remaining budget, all versions."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.brands.authentication import Member
from backend.programmes.campaigns import budgets, warnings
from backend.programmes.campaigns.schemas import CampaignOut, CampaignRuleOut, CampaignVersionOut
from backend.programmes.models import Campaign, CampaignVersion, Product
from backend.programmes.rules.rule import Rule


async def campaign_page(session: AsyncSession, member: Member, after: str | None, most: int) -> list[CampaignOut]:
    """Campaigns in the order of their keys, after a key."""
    rows = select(Campaign).where(Campaign.brand_id == member.brand_id, Campaign.key > (after or ""))
    campaigns = (await session.scalars(rows.order_by(Campaign.key).limit(most))).all()
    current = tuple_(CampaignVersion.campaign_id, CampaignVersion.version).in_(
        [(row.id, row.version) for row in campaigns]
    )
    versions = (await session.scalars(select(CampaignVersion).where(current))).all()
    return await _campaigns_out(session, campaigns, versions)


async def campaign_with_versions(session: AsyncSession, campaign: Campaign) -> CampaignOut:
    """A campaign with all its versions, the newest first."""
    rows = select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id)
    versions = (await session.scalars(rows.order_by(CampaignVersion.version.desc()))).all()
    skus = await _product_skus(session, versions)
    (out,) = await _campaigns_out(session, [campaign], versions)
    current = next(row for row in versions if row.version == campaign.version)
    out.warnings = await warnings.campaign_warnings(session, campaign, _version_rule(current))
    out.versions = [CampaignVersionOut.of(row, _version_rule(row), skus) for row in versions]
    return out


async def _campaigns_out(
    session: AsyncSession, campaigns: Sequence[Campaign], versions: Sequence[CampaignVersion]
) -> list[CampaignOut]:
    by_number = {(row.campaign_id, row.version): row for row in versions}
    skus = await _product_skus(session, versions)
    remaining = await budgets.remaining_budgets(session, [row.id for row in campaigns])
    return [_campaign_out(row, by_number[row.id, row.version], skus, remaining.get(row.id)) for row in campaigns]


def _campaign_out(row: Campaign, version: CampaignVersion, skus: dict[int, str], remaining: int | None) -> CampaignOut:
    names = (
        "id",
        "key",
        "programme_id",
        "state",
        "starts_at",
        "ends_at",
        "version",
        "budget",
        "created_at",
        "next_version",
        "next_at",
    )
    return CampaignOut(
        **{name: getattr(row, name) for name in names},
        name_ru=version.name_ru,
        name_en=version.name_en,
        rule=CampaignRuleOut.of(_version_rule(version), skus),
        remaining=remaining,
    )


def _version_rule(version: CampaignVersion) -> Rule:
    return msgspec.convert(version.rule, Rule)


async def _product_skus(session: AsyncSession, versions: Iterable[CampaignVersion]) -> dict[int, str]:
    """The SKUs of all products in the rules of some versions, by product id."""
    ids = {product_id for version in versions for product_id in _product_ids(_version_rule(version))}
    rows = await session.execute(select(Product.id, Product.sku).where(Product.id.in_(ids))) if ids else ()
    return {row.id: row.sku for row in rows}


def _product_ids(rule: Rule) -> Iterable[int]:
    yield from rule.products or ()
    yield from (rule.promo.excluded or ()) if rule.promo else ()
