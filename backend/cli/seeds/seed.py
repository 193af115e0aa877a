"""The demo brand: everything for a first try, created once in an empty database."""

import os
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.seeds.rewards import create_rewards
from backend.cli.seeds.shop import create_shop
from backend.core.db.database import Database
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.earning.packages import batches, ranges
from backend.earning.packages.models import BatchState
from backend.earning.packages.slot_keys import slot_key
from backend.identity.accounts.schemas import AccountCreated
from backend.identity.brands.models import Brand, Staff
from backend.programmes.models import Campaign, CampaignVersion, Product, Programme
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from scanning.codes import package

CODES, BATCH = 10, 1000
EMAIL = "owner@demo.example"
PACK = Rule(ways=frozenset({"package"}), amount=FixedAmount(15000), lifetime_days=365)
RECEIPT = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600), hold_days=14, lifetime_days=365)


class Login(msgspec.Struct):
    """Credentials of the demo's owner."""

    email: str
    password: str


class Demo(msgspec.Struct):
    """The content of demo.json."""

    base_url: str
    staff: Login
    brand_id: int
    programme_id: int
    package_codes: list[str]
    till_key: str
    promo_code: str
    agent: AccountCreated


async def ensure_demo(settings: Settings) -> Path | None:
    """Create the demo brand if there is no brand at all; returns the path of demo.json."""
    db, passwords = Database(settings.database_url, pool_size=1), Passwords(settings.peppers)
    try:
        async with db.begin() as session:
            if await session.scalar(select(func.count()).select_from(Brand)):
                return None
            demo = await _create_demo(session, settings, passwords)
            # Written before the commit: after a crash in between, the next start creates all again and rewrites it.
            return _write_file(settings.data / "demo.json", demo)
    finally:
        passwords.close()
        await db.close()


async def _create_demo(session: AsyncSession, settings: Settings, passwords: Passwords) -> Demo:
    brand = Brand(name="Demo")
    session.add(brand)
    await session.flush()
    login = Login(EMAIL, secrets.token_urlsafe(12))
    session.add(
        Staff(
            brand_id=brand.id, email=login.email, password_hash=await passwords.staff.hash(login.password), role="owner"
        )
    )
    programme = Programme(brand_id=brand.id, key="demo", name="Demo", currency="RUB")
    product = Product(
        brand_id=brand.id,
        sku="RA16-374",
        gtin="04600000000015",
        name_ru="Розетка двойная с заземлением",
        name_en="Double socket, earthed",
        articles=["РА16-374"],
        warranty_months=24,
        price=45000,
    )
    session.add_all([programme, product])
    await session.flush()
    await _create_campaign(session, programme, "welcome", "Бонус за упаковку", "Bonus for a pack", PACK)
    await _create_campaign(session, programme, "receipts", "Бонус за чек", "Bonus for a receipt", RECEIPT)
    codes = await _create_batch(session, settings, programme, product)
    shop = await create_shop(session, settings, programme)
    await create_rewards(session, settings, programme)
    return Demo(settings.base_url, login, brand.id, programme.id, codes, shop.till_key, shop.promo_code, shop.agent)


async def _create_campaign(
    session: AsyncSession, programme: Programme, key: str, name_ru: str, name_en: str, rule: Rule
) -> None:
    campaign = Campaign(
        brand_id=programme.brand_id,
        programme_id=programme.id,
        key=key,
        state="active",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    session.add(campaign)
    await session.flush()
    session.add(
        CampaignVersion(
            brand_id=programme.brand_id,
            campaign_id=campaign.id,
            version=1,
            name_ru=name_ru,
            name_en=name_en,
            rule=msgspec.to_builtins(rule),
        )
    )


async def _create_batch(session: AsyncSession, settings: Settings, programme: Programme, product: Product) -> list[str]:
    order = batches.BatchRequest(programme.id, product.sku, count=BATCH, note="Demo")
    batch, _ = await batches.create_batch(session, programme.brand_id, uuid.uuid4(), order)
    steps: tuple[BatchState, ...] = ("printed", "active")
    for state in steps:
        await ranges.change_state(session, batch, ranges.all_positions(batch, state))
    slot, first = batch.slot or 0, batch.first_serial or 0
    key = slot_key(settings.master_key, slot)
    return [package.encode(key, slot, first + number) for number in range(CODES)]


def _write_file(path: Path, demo: Demo) -> Path:
    content = msgspec.json.format(msgspec.json.encode(demo), indent=2)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content + b"\n")
    fresh.replace(path)
    return path
