"""The demo brand: what a newcomer needs to try everything, made once in an empty database."""

import os
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.schemas import AccountNew
from backend.brands.models import Brand, Staff
from backend.cli.seed_offers import open_window
from backend.cli.seed_shop import open_corner
from backend.database import Database
from backend.packages import batches, ranges
from backend.packages.models import BatchState
from backend.packages.service import slot_key
from backend.passwords import Passwords
from backend.programmes.models import Campaign, CampaignVersion, Product, Programme
from backend.programmes.rules import Fixed, Percent, Rule
from backend.settings import Settings
from scanning import package

CODES, BATCH = 10, 1000
EMAIL = "owner@demo.example"
PACK = Rule(ways=frozenset({"package"}), amount=Fixed(15000), lifetime_days=365)
RECEIPT = Rule(ways=frozenset({"receipt"}), amount=Percent(600), hold_days=14, lifetime_days=365)


class Login(msgspec.Struct):
    """How the demo's owner signs in."""

    email: str
    password: str


class Demo(msgspec.Struct):
    """What stands in demo.json."""

    base_url: str
    staff: Login
    brand_id: int
    programme_id: int
    package_codes: list[str]
    till_key: str
    promo_code: str
    agent: AccountNew


async def ensure_demo(settings: Settings) -> Path | None:
    """Make the demo brand if there is no brand at all; returns the file that tells of it."""
    db, passwords = Database(settings.database_url, pool_size=1), Passwords(settings.pepper)
    try:
        async with db.begin() as session:
            if await session.scalar(select(func.count()).select_from(Brand)):
                return None
            demo = await _make(session, settings, passwords)
            # Written before the commit: when we fall in between, the next start begins anew and writes it again.
            return _write(settings.data / "demo.json", demo)
    finally:
        passwords.close()
        await db.close()


async def _make(session: AsyncSession, settings: Settings, passwords: Passwords) -> Demo:
    brand = Brand(name="Demo")
    session.add(brand)
    await session.flush()
    login = Login(EMAIL, secrets.token_urlsafe(12))
    session.add(
        Staff(brand_id=brand.id, email=login.email, password_hash=await passwords.hash(login.password), role="owner")
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
    await _campaign(session, programme, "welcome", "Бонус за упаковку", "Bonus for a pack", PACK)
    await _campaign(session, programme, "receipts", "Бонус за чек", "Bonus for a receipt", RECEIPT)
    codes = await _batch(session, settings, programme, product)
    corner = await open_corner(session, settings, programme)
    await open_window(session, settings, programme)
    return Demo(
        settings.base_url, login, brand.id, programme.id, codes, corner.till_key, corner.promo_code, corner.agent
    )


async def _campaign(
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


async def _batch(session: AsyncSession, settings: Settings, programme: Programme, product: Product) -> list[str]:
    wanted = batches.Wanted(programme.id, product.sku, count=BATCH, note="Demo")
    batch, _ = await batches.create(session, programme.brand_id, uuid.uuid4(), wanted)
    steps: tuple[BatchState, ...] = ("printed", "active")
    for state in steps:
        await ranges.turn(session, batch, ranges.whole(batch, state))
    slot, first = batch.slot or 0, batch.first_serial or 0
    key = slot_key(settings.master_key, slot)
    return [package.encode(key, slot, first + number) for number in range(CODES)]


def _write(path: Path, demo: Demo) -> Path:
    content = msgspec.json.format(msgspec.json.encode(demo), indent=2)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content + b"\n")
    fresh.replace(path)
    return path
