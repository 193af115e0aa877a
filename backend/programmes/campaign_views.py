"""Campaigns as the console shows them: the newest rule with SKUs, what is left of the budget, all versions."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member
from backend.programmes import budgets
from backend.programmes.campaign_schemas import CampaignOut, RuleOut, VersionOut
from backend.programmes.models import Campaign, CampaignVersion, Product
from backend.programmes.rules import Rule


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> list[CampaignOut]:
    """Campaigns in the order of their keys, from a place on."""
    rows = select(Campaign).where(Campaign.brand_id == member.brand_id, Campaign.key > (after or ""))
    found = (await session.scalars(rows.order_by(Campaign.key).limit(most))).all()
    newest = tuple_(CampaignVersion.campaign_id, CampaignVersion.version).in_([(row.id, row.version) for row in found])
    versions = (await session.scalars(select(CampaignVersion).where(newest))).all()
    return await _shown(session, found, versions)


async def whole(session: AsyncSession, campaign: Campaign) -> CampaignOut:
    """A campaign with all its versions, the newest first."""
    rows = select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id)
    versions = (await session.scalars(rows.order_by(CampaignVersion.version.desc()))).all()
    skus = await _skus(session, versions)
    (shown,) = await _shown(session, [campaign], versions)
    shown.versions = [VersionOut.of(row, _read(row), skus) for row in versions]
    return shown


async def _shown(
    session: AsyncSession, campaigns: Sequence[Campaign], versions: Sequence[CampaignVersion]
) -> list[CampaignOut]:
    newest = {(row.campaign_id, row.version): row for row in versions}
    skus = await _skus(session, versions)
    left = await budgets.remaining(session, [row.id for row in campaigns])
    return [_out(row, newest[row.id, row.version], skus, left.get(row.id)) for row in campaigns]


def _out(row: Campaign, version: CampaignVersion, skus: dict[int, str], left: int | None) -> CampaignOut:
    names = ("id", "key", "programme_id", "state", "starts_at", "ends_at", "version", "budget", "created_at")
    return CampaignOut(
        **{name: getattr(row, name) for name in names},
        name_ru=version.name_ru,
        name_en=version.name_en,
        rule=RuleOut.of(_read(version), skus),
        remaining=left,
    )


def _read(version: CampaignVersion) -> Rule:
    return msgspec.convert(version.rule, Rule)


async def _skus(session: AsyncSession, versions: Iterable[CampaignVersion]) -> dict[int, str]:
    """The SKUs of all products that some versions name."""
    ids = {number for version in versions for number in _named(version.rule)}
    rows = await session.execute(select(Product.id, Product.sku).where(Product.id.in_(ids))) if ids else ()
    return {row.id: row.sku for row in rows}


def _named(rule: dict[str, Any]) -> Iterable[int]:
    yield from rule.get("products") or ()
    yield from rule.get("promo", {}).get("excluded") or ()
