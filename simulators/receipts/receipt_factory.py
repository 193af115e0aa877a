"""Generated receipts of a hardware store for tests, in the tax service's JSON; repeatable by number.

All requisites are fictitious: fiscal drives begin with 9999 (trial tills), tax numbers with 00 (no region). Personal
data are replaced by words that are easy to find.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

CASHIER, CASHIER_INN = "PLACEHOLDER CASHIER", "000000000000"
BUYER = "placeholder.buyer@example.invalid"
SOLE_TRADER = "PLACEHOLDER SOLE TRADER"
PERSONAL = (CASHIER, CASHIER_INN, BUYER, SOLE_TRADER)
FIRST_DAY = datetime(2026, 10, 1, 8)  # noqa: DTZ001 - a shop's wall time has no zone
FULL_SETTLEMENT, GOODS, VAT_22 = 4, 1, 11


class ReceiptItem(NamedTuple):
    """A line: its name, the unit price in kopecks, the quantity, and further fields."""

    name: str
    price: int
    quantity: int = 1
    more: dict[str, object] = {}  # noqa: RUF012 - read only


STOCK = (
    ReceiptItem("Розетка двойная ЗОРИН РА16-902 бел. с з/к 16А", 18_900),
    ReceiptItem("Вилка угловая с заземл. ЗОРИН В16-07 черная", 9_450),
    ReceiptItem("Кабель ВВГнг(А)-LS 3х2,5 бухта 20м", 214_000),
    ReceiptItem("Автомат ЗОРИН АВ63-1Р 16А C", 31_700),
    ReceiptItem("Саморез 3,5х41 дер. черн. (200шт)", 15_300),
    ReceiptItem("Грунтовка глуб. проникн. ЛЕДОГОР 10л", 89_900),
    ReceiptItem("Шпатлевка финишная ЛЕДОГОР Ф-25 25кг", 74_500),
    ReceiptItem("Труба PPR 20х3,4 PN20 4м", 22_600),
    ReceiptItem("Смеситель д/кухни РУЧЕЙНИК СК-410 хром", 412_000),
    ReceiptItem("Герметик силикон. санит. прозр. 280мл", 39_900),
    ReceiptItem("Порог-угол 24х18мм алюм. серебро 0,9м", 28_400),
    ReceiptItem("Диск отрезной по металлу 125х1,2х22", 6_900),
    ReceiptItem("Перфоратор УДАРНИК П-26 800Вт", 899_000),
    ReceiptItem("Перчатки х/б с ПВХ 10кл", 4_200),
    ReceiptItem("Лента ФУМ 19мм х 15м", 7_800),
    ReceiptItem("Светильник св/д ЛУЧИНА ДПО-36 4000К", 126_500),
)


def make_receipt(
    number: int,
    *,
    at: datetime | None = None,
    lines: Sequence[ReceiptItem] | None = None,
    operation: int = 1,
    payment_type: int = FULL_SETTLEMENT,
    shop: int | None = None,
    sole_trader: bool = False,
    with_seconds: bool = False,
) -> dict[str, Any]:
    """A receipt by its number, which determines all fields that are not given. Sums are in kopecks."""
    chance = random.Random(number)  # noqa: S311 - the same receipt for the same number
    shop = number % 50 if shop is None else shop
    if at is None:
        at = FIRST_DAY + timedelta(days=chance.randrange(40), minutes=chance.randrange(720))
        at += timedelta(seconds=chance.randrange(1, 60) if with_seconds else 0)
    if lines is None:
        lines = [
            line._replace(quantity=chance.randrange(1, 4)) for line in chance.sample(STOCK, chance.randrange(1, 7))
        ]
    items = [_receipt_item(line, payment_type) for line in lines]
    total = sum(item["sum"] for item in items)
    return {
        "code": 3,
        "user": SOLE_TRADER if sole_trader else f'ООО "СТРОЙДВОР {shop}"',
        "userInn": _person_inn(shop) if sole_trader else f"{_company_inn(shop)}  ",
        "items": items,
        "region": "00",
        "dateTime": at.isoformat(),
        "kktRegId": f"{shop:016}    ",
        "operator": CASHIER,
        "operatorInn": CASHIER_INN,
        "buyerPhoneOrAddress": BUYER,
        "totalSum": total,
        "cashTotalSum": 0,
        "ecashTotalSum": total,
        "prepaidSum": 0,
        "creditSum": 0,
        "provisionSum": 0,
        "fiscalDriveNumber": f"9999{shop:012}",
        "fiscalDocumentNumber": number,
        "fiscalSign": chance.randrange(1, 2**32),
        "operationType": operation,
        "requestNumber": number % 300 + 1,
        "shiftNumber": number % 400 + 1,
        "retailPlace": f'Магазин "Стройдвор {shop}"',
        "retailPlaceAddress": f"Посёлок Образцовый, улица Проверочная, дом {shop + 1}",
        "appliedTaxationType": 1,
        "fiscalDocumentFormatVer": 4,
    }


def qr_text(receipt: dict[str, Any]) -> str:
    """The text of the receipt's QR code; with seconds only if there are any."""
    at = datetime.fromisoformat(receipt["dateTime"])
    shown = at.strftime("%Y%m%dT%H%M%S" if at.second else "%Y%m%dT%H%M")
    rubles = f"{receipt['totalSum'] // 100}.{receipt['totalSum'] % 100:02}"
    return (
        f"t={shown}&s={rubles}&fn={receipt['fiscalDriveNumber']}&i={receipt['fiscalDocumentNumber']}"
        f"&fp={receipt['fiscalSign']}&n={receipt['operationType']}"
    )


def _receipt_item(line: ReceiptItem, payment_type: int) -> dict[str, Any]:
    return {
        "name": line.name,
        "price": line.price,
        "quantity": line.quantity,
        "sum": line.price * line.quantity,
        "nds": VAT_22,
        "paymentType": payment_type,
        "productType": GOODS,
        "itemsQuantityMeasure": 0,
    } | line.more


def _person_inn(shop: int) -> str:
    """A person's tax number of a region that does not exist, with its two check digits."""
    digits = f"00{shop + 1:08}"
    for weights in ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)):
        digits += str(sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 % 10)
    return digits


def _company_inn(shop: int) -> str:
    """A company's tax number of a region that does not exist, with its check digit."""
    digits = f"00{shop + 1:07}"
    weighed = sum(weight * int(digit) for weight, digit in zip((2, 4, 10, 3, 5, 9, 4, 6, 8), digits, strict=True))
    return f"{digits}{weighed % 11 % 10}"
