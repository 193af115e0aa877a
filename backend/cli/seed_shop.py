"""The demo's shop with a till, an offer for promo codes, and an agent who has one."""

import secrets
import uuid
from datetime import UTC, datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import tokens
from backend.accounts import service as accounts
from backend.accounts.models import Account
from backend.accounts.schemas import AccountNew
from backend.programmes.models import Campaign, CampaignVersion, Programme
from backend.programmes.rules import Percent, Promo, Rule
from backend.promocodes import spelling
from backend.promocodes.models import PromoCode, PromoRun
from backend.settings import Settings
from backend.shops.door import PREFIX
from backend.shops.models import BrandShop, Shop, Till

CODE = "DEMO5"


class Corner(msgspec.Struct):
    """What demo.json tells of it."""

    till_key: str
    promo_code: str
    agent: AccountNew


async def open_corner(session: AsyncSession, settings: Settings, programme: Programme) -> Corner:
    """Make all three."""
    shop = Shop(number=f"{secrets.randbelow(10**10):010}", name="Электрика на Мира", city="Екатеринбург",
                address="улица Мира, 12", timezone="Asia/Yekaterinburg")  # fmt: skip
    session.add(shop)
    await session.flush()
    token = tokens.token(PREFIX)
    session.add_all(
        [
            BrandShop(brand_id=programme.brand_id, key="mira-12", shop_id=shop.id, keeper=True),
            Till(shop_id=shop.id, key="till-1", token_digest=tokens.digest(token)),
        ]
    )
    campaign = await _offer(session, programme)
    agent = await accounts.create(session, settings, datetime.now(UTC))
    owner = await session.scalar(select(Account.id).where(Account.card_number == agent.card_number))
    await _code(session, campaign, owner)
    return Corner(token, CODE, agent)


async def _offer(session: AsyncSession, programme: Programme) -> Campaign:
    campaign = Campaign(
        brand_id=programme.brand_id, programme_id=programme.id, key="recommend", state="active",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    session.add(campaign)
    await session.flush()
    rule = Rule(
        ways=frozenset({"promo"}), amount=Percent(1000), hold_days=14, lifetime_days=365, promo=Promo(Percent(500))
    )
    session.add(
        CampaignVersion(
            brand_id=programme.brand_id, campaign_id=campaign.id, version=1, name_ru="Бонус за рекомендацию",
            name_en="Bonus for a recommendation", rule=msgspec.to_builtins(rule),
        )
    )  # fmt: skip
    return campaign


async def _code(session: AsyncSession, campaign: Campaign, account_id: int | None) -> None:
    row = PromoCode(
        code=spelling.fold(CODE), shown=CODE, brand_id=campaign.brand_id, campaign_id=campaign.id,
        account_id=account_id, key=uuid.uuid4(), digest=b"demo",
    )  # fmt: skip
    session.add(row)
    await session.flush()
    session.add(PromoRun(code_id=row.id, n=0))
