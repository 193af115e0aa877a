"""The demo's shop with a till, a campaign for promo codes, and an agent with a code."""

import secrets
import uuid
from datetime import UTC, datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.security import tokens
from backend.core.settings import Settings
from backend.earning.promocodes.models import PromoCode, PromoRun
from backend.identity.accounts import service as accounts
from backend.identity.accounts.models import Account
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.models import Campaign, CampaignVersion, Programme
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from backend.shops.authentication import PREFIX
from backend.shops.models import BrandShop, Shop, Till
from scanning.codes import symbols

CODE = "DEMO5"


class DemoShop(msgspec.Struct):
    """The part of demo.json about the shop."""

    till_key: str
    promo_code: str
    agent: AccountCreated


async def create_shop(session: AsyncSession, settings: Settings, programme: Programme) -> DemoShop:
    """Create the shop, the campaign and the agent."""
    shop = Shop(
        number=f"{secrets.randbelow(10**10):010}",
        name="Электрика на Мира",
        city="Екатеринбург",
        address="улица Мира, 12",
        timezone="Asia/Yekaterinburg",
    )
    session.add(shop)
    await session.flush()
    token = tokens.token(PREFIX)
    session.add_all(
        [
            BrandShop(brand_id=programme.brand_id, key="mira-12", shop_id=shop.id, keeper=True),
            Till(shop_id=shop.id, key="till-1", token_digest=tokens.digest(token)),
        ]
    )
    campaign = await _create_campaign(session, programme)
    agent = await accounts.create_account(session, settings, datetime.now(UTC))
    owner = await session.scalar(select(Account.id).where(Account.card_number == agent.card_number))
    await _create_promo_code(session, campaign, owner)
    return DemoShop(token, CODE, agent)


async def _create_campaign(session: AsyncSession, programme: Programme) -> Campaign:
    campaign = Campaign(
        brand_id=programme.brand_id,
        programme_id=programme.id,
        key="recommend",
        state="active",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    session.add(campaign)
    await session.flush()
    rule = Rule(
        ways=frozenset({"promo"}),
        amount=PercentAmount(1000),
        hold_days=14,
        lifetime_days=365,
        promo=Promo(PercentAmount(500)),
    )
    session.add(
        CampaignVersion(
            brand_id=programme.brand_id,
            campaign_id=campaign.id,
            version=1,
            name_ru="Бонус за рекомендацию",
            name_en="Bonus for a recommendation",
            rule=msgspec.to_builtins(rule),
        )
    )
    return campaign


async def _create_promo_code(session: AsyncSession, campaign: Campaign, account_id: int | None) -> None:
    row = PromoCode(
        code=symbols.fold(CODE),
        shown=CODE,
        brand_id=campaign.brand_id,
        campaign_id=campaign.id,
        account_id=account_id,
        key=uuid.uuid4(),
        digest=b"demo",
    )
    session.add(row)
    await session.flush()
    session.add(PromoRun(code_id=row.id, n=0))
