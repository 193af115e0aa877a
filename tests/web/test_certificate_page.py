"""The page of a gift card, and the one response for all other codes."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import zxingcpp
from httpx2 import AsyncClient
from PIL import Image
from sqlalchemy import text

from scanning import payload
from tests.make import World, caller
from tests.spending.gift_card_till import make_gift_card_till
from tests.spending.scenario import spending_scenario

YESTERDAY = datetime.now(UTC).date() - timedelta(days=2)
NEVER = "7K2M-QX9A-0TRB-N4VD-81CH"


@pytest.mark.parametrize("address", ["/G/{}", "/g/{}"])
async def test_page_shows_balance_and_code(client: AsyncClient, world: World, address: str):
    shop = await make_gift_card_till(world)
    code = await shop.certificate(100_000)
    await shop.take(code, 30_000)

    spellings = [code, code.lower(), code.replace("-", ""), f"{code}.", f"%E2%80%8B{code}"]
    answers = [await client.get(address.format(one), headers={"Accept-Language": "ru"}) for one in spellings]

    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert code in answer.text
        assert "Осталось 700,00\xa0₽ из 1\xa0000,00\xa0₽" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.content) < 10_000


async def test_page_in_english_runs_only_inline_script(client: AsyncClient, world: World):
    shop = await make_gift_card_till(world)
    code = await shop.certificate(100_000, single=True)

    answer = await client.get(f"/G/{code}", headers={"Accept-Language": "en"})

    assert "It is used once" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("picture", ["qr.png", "qr.svg"])
async def test_qr_code_is_the_gift_cards_link(client: AsyncClient, world: World, picture: str):
    shop = await make_gift_card_till(world)
    code = await shop.certificate()

    answer = await client.get(f"/g/{code.lower()}/{picture}")

    if picture == "qr.png":
        (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)).convert("L"))
        assert found.text == f"HTTP://SCANBACK.TEST/G/{code}"
        assert payload.classify(found.text) == ("certificate", code)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == {"qr.png": "image/png", "qr.svg": "image/svg+xml"}[picture]


async def test_unknown_certificates_get_one_response(client: AsyncClient, world: World):
    shop = await make_gift_card_till(world)
    spent = await shop.certificate(100_000)
    await shop.take(spent, 100_000)
    over = await shop.certificate(100_000, valid_until=YESTERDAY)
    closed = await shop.certificate(100_000, closed_at=datetime.now(UTC))

    answers = [
        await client.get(f"/G/{code}{end}") for code in (spent, over, closed, NEVER, "x") for end in ("", "/qr.png")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert not re.search("[0-9A-Z]{4}-[0-9A-Z]{4}", answers[0].text)


async def test_network_over_limit_of_misses_gets_no_page(app, world: World, number):
    shop = await make_gift_card_till(world)
    code = await shop.certificate()
    number("promo_pages_missed_per_hour_per_network", 5)
    guesser, other = caller(app, "198.51.100.9"), caller(app, "192.0.2.9")
    for _ in range(5):
        await guesser.get(f"/G/{NEVER}")

    answers = [await guesser.get(f"/G/{code}{end}") for end in ("", "/qr.svg")]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert code not in answers[0].text
    assert (await other.get(f"/G/{code}")).status_code == 200


async def test_order_of_own_certificate_has_its_page(client: AsyncClient, world: World):
    shop = await spending_scenario(world)
    agent = await shop.agent(5000)

    own = (await shop.order(agent, await shop.offer("own"))).json()
    stocked = await shop.offer()
    await shop.stock(stocked, 1)
    bought = (await shop.order(agent, stocked)).json()

    assert own["url"] == f"http://scanback.test/G/{own['code']}"
    assert (await client.get(own["url"].removeprefix("http://scanback.test"))).status_code == 200
    assert "url" not in bought
    assert (await world.db.rows(text("SELECT count(*)::int AS n FROM orders")))[0].n == 2
