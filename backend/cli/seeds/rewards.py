"""The demo's catalogue: a reward of each kind, codes in stock, and one that a simulated supplier sells."""

import secrets
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.programmes.models import Programme
from backend.spending.models import Reward, StockCode
from backend.spending.reward_kinds import Fulfilment, RewardKind

SUPPLIER = "stand-in-books"  # as backend/cli/server/simulator_process.py names it
STOCK, STOCK_NOMINAL = 20, 50_00


class DemoReward(NamedTuple):
    """A reward of the demo; amounts in kopecks."""

    key: str
    kind: RewardKind
    fulfilment: Fulfilment
    tax: str
    name_ru: str
    name_en: str
    minimum: int
    maximum: int
    more: dict[str, object] = {}  # noqa: RUF012 - read only


REWARDS = (
    DemoReward(
        "tools",
        "certificate",
        "stock",
        "gift",
        "Сертификат магазина инструмента",
        "Tool shop certificate",
        STOCK_NOMINAL,
        STOCK_NOMINAL,
        {"partner": "Инструмент-сити", "shelf": "tools"},
    ),
    DemoReward(
        "books",
        "certificate",
        "supplier",
        "gift",
        "Сертификат на книги",
        "Certificate for books",
        10_00,
        3_000_00,
        {"suppliers": [{"name": SUPPLIER, "product": "BOOKS"}], "shelf": "hobby"},
    ),
    DemoReward(
        "own",
        "certificate",
        "own",
        "gift",
        "Сертификат «Электрики на Мира»",
        "Certificate of our shop",
        10_00,
        3_000_00,
        {"valid_days": 365, "shelf": "tools"},
    ),
    DemoReward(
        "discount",
        "discount",
        "own",
        "discount",
        "Скидка на свою покупку",
        "Discount on a purchase of yours",
        10_00,
        1_000_00,
        {"valid_days": 90},
    ),
    DemoReward(
        "gloves",
        "goods",
        "person",
        "gift",
        "Перчатки монтажника",
        "Fitter's gloves",
        30_00,
        30_00,
        {"stock": 50, "places": ["Екатеринбург, улица Мира, 12"], "shelf": "workwear"},
    ),
    DemoReward(
        "diagnostics", "service", "person", "service", "Диагностика котла", "Boiler diagnostics", 150_00, 150_00
    ),
    DemoReward(
        "warranty",
        "service",
        "instant",
        "service",
        "Гарантия ещё на год",
        "Another year of warranty",
        5_00,
        5_00,
        {"extends_months": 12},
    ),
    DemoReward(
        "charity", "charity", "instant", "charity", "Помощь детскому дому", "For a children's home", 10_00, 1_000_00
    ),
    DemoReward(
        "banner",
        "marketing",
        "instant",
        "marketing",
        "Бюджет на рекламу у бренда",
        "Marketing with the brand",
        50_00,
        5_000_00,
    ),
    DemoReward(
        "invoice",
        "invoice",
        "person",
        "settlement",
        "Оплата счёта бренда",
        "Pay an invoice of the brand",
        10_00,
        10_000_00,
        {"rung": 2},
    ),
    DemoReward(
        "deferral",
        "invoice",
        "person",
        "settlement",
        "Оплата счёта на 14 дней позже",
        "14 days later to pay an invoice",
        30_00,
        30_00,
        {"rung": 2, "defers_days": 14},
    ),
)


async def create_rewards(session: AsyncSession, settings: Settings, programme: Programme) -> None:
    """Create all rewards, and codes in the stock."""
    for reward in REWARDS:
        offer = Reward(
            brand_id=programme.brand_id,
            programme_id=programme.id,
            key=reward.key,
            kind=reward.kind,
            fulfilment=reward.fulfilment,
            tax=reward.tax,
            name_ru=reward.name_ru,
            name_en=reward.name_en,
            least=reward.minimum,
            most=reward.maximum,
            step=100,
            **reward.more,
        )
        session.add(offer)
        await session.flush()
        if reward.fulfilment == "stock":
            _fill_stock(session, settings, offer)


def _fill_stock(session: AsyncSession, settings: Settings, offer: Reward) -> None:
    for _ in range(STOCK):
        code = "DEMO-" + secrets.token_hex(6).upper()
        session.add(
            StockCode(
                brand_id=offer.brand_id,
                offer_id=offer.id,
                nominal=STOCK_NOMINAL,
                digest=gift_card_codes.digest(settings, code),
                sealed=gift_card_codes.seal(settings, gift_card_codes.stock_owner(offer.id), code),
            )
        )
