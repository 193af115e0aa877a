"""Example cards, codes with cards, and reading of card files."""

import io
import itertools
import uuid

import numpy as np
import pypdfium2
import zxingcpp
from PIL import Image
from sqlalchemy import text

from backend.earning.promocodes.cards.artwork.content import Card, CardFormat, CardSize, CardStyle
from backend.earning.promocodes.models import PromoCode, PromoRun
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from tests.make import World, bearer

CARD = Card(
    link="HTTPS://SCANBACK.EXAMPLE.RU/P/IVAN7.2",
    code="IVAN7.2",
    offer="Скидка 5 %, от 1 000 ₽, не больше 500 ₽, на некоторые товары",
    brand="Тепломастер",
    until="Действует по 31 декабря 2026 г.",
    hint="Покажите код на кассе",
    nickname="Советует Иван, монтажник",
    label="Реклама. ООО «Тепломастер». erid: 2VtzqwQwerty",
)
# The longest codes, in Cyrillic: each letter takes six characters of the address.
LONG = Card(
    link="HTTPS://PROMO.A-RATHER-LONG-NAME-OF-A-SHOP.EXAMPLE.RU/P/" + "%D0%96" * 16 + ".99",
    code="Ж" * 16 + ".99",
    offer="Скидка 12,5 % на всё, " * 6,
    brand="Общество с очень длинным названием и другими делами",
    nickname="Советует 👷 " + "Щ" * 40,
    label="Реклама. " + "Завод Ещё " * 12 + " erid: " + "x" * 64,
    style=CardStyle("#111111", "#FFFFFF", "#FFD500"),
)
RULE = Rule(
    ways=frozenset({"promo"}), amount=PercentAmount(300), hold_days=14, promo=Promo(discount=PercentAmount(500))
)
EVERY = list(itertools.product(CardSize, CardFormat))


def raster(content: bytes, kind: CardFormat) -> Image.Image:
    """The picture of a file; a PDF at 300 dpi."""
    if kind is not CardFormat.PDF:
        return Image.open(io.BytesIO(content)).convert("RGB")
    document = pypdfium2.PdfDocument(content)
    picture = document[0].render(scale=300 / 72).to_pil().convert("RGB")
    document.close()
    return picture


def read(picture: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(np.asarray(picture.convert("L")), formats=zxingcpp.BarcodeFormat.QRCodeModel2)
    return [code.text for code in found]


async def a_code(world: World, code: str = "1VAN7", runs: int = 2, rule: Rule = RULE, **fields):
    """An agent with an open code and some runs."""
    agent = await world.account()
    async with world.db.begin() as session:
        account_id = await session.scalar(
            text("SELECT id FROM accounts WHERE card_number = :card"), {"card": agent.card_number}
        )
    programme = await world.programme(await world.brand("Тепломастер"))
    campaign = await world.campaign(programme, rule, **fields.pop("campaign", {}))
    fields = {"shown": "IVAN7", "nickname": "Иван", "key": uuid.uuid4(), "account_id": account_id} | fields
    row = await world.add(PromoCode(code=code, brand_id=programme.brand_id, campaign_id=campaign.id, **fields))
    for number in range(runs + 1):
        await world.add(PromoRun(code_id=row.id, n=number))
    return agent, row


async def card(world: World, agent, row, kind: str = "png", *, headers=None, **params):
    path = f"/v1/promo-codes/{row.key}/card.{kind}"
    return await world.client.get(path, params=params, headers=bearer(agent) | (headers or {}))
