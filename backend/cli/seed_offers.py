"""The demo's shop window: an offer of each kind, codes in stock, and one that a stand-in sells."""

import secrets
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.offers import certificate_codes
from backend.offers.models import Fulfilment, Kind, Offer, StockCode
from backend.offers.ordering import stock_owner
from backend.programmes.models import Programme
from backend.settings import Settings

SUPPLIER = "stand-in-books"  # as backend/cli/stand_ins.py names it
STOCK, STOCK_NOMINAL = 20, 50_00


class Wanted(NamedTuple):
    """An offer of the demo; sums in kopecks."""

    key: str
    kind: Kind
    fulfilment: Fulfilment
    tax: str
    name_ru: str
    name_en: str
    least: int
    most: int
    more: dict[str, Any] = {}  # noqa: RUF012 - read only


OFFERS = (
    Wanted("tools", "certificate", "stock", "gift", "Сертификат магазина инструмента", "Tool shop certificate",
           STOCK_NOMINAL, STOCK_NOMINAL, {"partner": "Инструмент-сити", "shelf": "tools"}),
    Wanted("books", "certificate", "supplier", "gift", "Сертификат на книги", "Certificate for books", 10_00, 3_000_00,
           {"suppliers": [{"name": SUPPLIER, "product": "BOOKS"}], "shelf": "hobby"}),
    Wanted("own", "certificate", "own", "gift", "Сертификат «Электрики на Мира»", "Certificate of our shop", 10_00,
           3_000_00, {"valid_days": 365, "shelf": "tools"}),
    Wanted("discount", "discount", "own", "discount", "Скидка на свою покупку", "Discount on a purchase of yours",
           10_00, 1_000_00, {"valid_days": 90}),
    Wanted("gloves", "goods", "person", "gift", "Перчатки монтажника", "Fitter's gloves", 30_00, 30_00,
           {"stock": 50, "places": ["Екатеринбург, улица Мира, 12"], "shelf": "workwear"}),
    Wanted("diagnostics", "service", "person", "service", "Диагностика котла", "Boiler diagnostics", 150_00, 150_00),
    Wanted("warranty", "service", "instant", "service", "Гарантия ещё на год", "Another year of warranty", 5_00, 5_00,
           {"extends_months": 12}),
    Wanted("charity", "charity", "instant", "charity", "Помощь детскому дому", "For a children's home", 10_00,
           1_000_00),
    Wanted("banner", "marketing", "instant", "marketing", "Бюджет на рекламу у бренда", "Marketing with the brand",
           50_00, 5_000_00),
    Wanted("invoice", "invoice", "person", "settlement", "Оплата счёта бренда", "Pay an invoice of the brand", 10_00,
           10_000_00, {"rung": 2}),
    Wanted("deferral", "invoice", "person", "settlement", "Оплата счёта на 14 дней позже",
           "14 days later to pay an invoice", 30_00, 30_00, {"rung": 2, "defers_days": 14}),
)  # fmt: skip


async def open_window(session: AsyncSession, settings: Settings, programme: Programme) -> None:
    """Put everything on offer, and codes into the stock."""
    for wanted in OFFERS:
        offer = Offer(
            brand_id=programme.brand_id, programme_id=programme.id, key=wanted.key, kind=wanted.kind,
            fulfilment=wanted.fulfilment, tax=wanted.tax, name_ru=wanted.name_ru, name_en=wanted.name_en,
            least=wanted.least, most=wanted.most, step=100, **wanted.more,
        )  # fmt: skip
        session.add(offer)
        await session.flush()
        if wanted.fulfilment == "stock":
            _stock(session, settings, offer)


def _stock(session: AsyncSession, settings: Settings, offer: Offer) -> None:
    for _ in range(STOCK):
        code = "DEMO-" + secrets.token_hex(6).upper()
        session.add(
            StockCode(
                brand_id=offer.brand_id, offer_id=offer.id, nominal=STOCK_NOMINAL,
                digest=certificate_codes.digest(settings, code),
                sealed=certificate_codes.seal(settings, stock_owner(offer.id), code),
            )
        )  # fmt: skip
