"""The page of a promo code: content, limits, and views."""

import asyncio
import base64
import hashlib
import io
import re
import statistics
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import zxingcpp
from httpx2 import AsyncClient
from PIL import Image
from playwright.async_api import Browser, expect
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.promocodes.models import PromoCode, PromoRun
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from tests.make import World, caller
from tests.web.conftest import Visit

RULE = Rule(
    ways=frozenset({"promo"}), amount=PercentAmount(300), hold_days=14, promo=Promo(discount=PercentAmount(500), uses=3)
)
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
SVG_PIXELS = {"messenger": (1080, 1080), "story": (1080, 1920), "business": (321, 208), "leaflet": (559, 794)}
PREVIEWS = [
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0 Safari/537.36",
    "python-httpx/0.28",
    "",
]


async def a_code(world: World, code: str = "1VAN7", **fields):
    """An open code with runs 0 to 2."""
    programme = await world.programme(await world.brand(fields.pop("brand", "Тепломастер")))
    campaign = await world.campaign(programme, RULE, **fields.pop("campaign", {}))
    fields = {"shown": "IVAN7", "nickname": "Иван"} | fields
    row = await world.add(PromoCode(code=code, brand_id=programme.brand_id, campaign_id=campaign.id, **fields))
    for number in range(3):
        await world.add(PromoRun(code_id=row.id, n=number))
    return row


async def views(world: World) -> dict[int, int]:
    rows = await world.db.rows(text("SELECT n, sum(views)::int AS views FROM promo_views GROUP BY n"))
    return {row.n: row.views for row in rows}


async def send_view(client: AsyncClient, code: str = "IVAN7", **headers: str):
    return await client.post(f"/p/{code}/views", headers={"User-Agent": PHONE} | headers)


@pytest.mark.parametrize("path", ["/p/IVAN7", "/P/1VAN7.2", "/p/ivan-7", "/p/%D0%86VAN7"])
async def test_page_shows_discount_and_shops(client: AsyncClient, world: World, path: str):
    row = await a_code(world, campaign={"ends_at": datetime(2090, 1, 1, tzinfo=UTC)})
    await world.shop(row.brand_id, name="Сантехника на Лесной", city="Казань", address="Лесная, 5")

    response = await client.get(path, headers={"Accept-Language": "ru"})

    assert response.status_code == 200
    for words in (
        "Тепломастер",
        "Скидка 5\xa0%",
        "Действует по 1 января 2090",
        "Советует Иван",
        "Сантехника на Лесной",
        "Казань, Лесная, 5",
        "IVAN7",
    ):
        assert words in response.text
    assert len(response.content) < 10_000


async def test_page_is_small_and_runs_only_inline_script(client: AsyncClient, world: World):
    row = await a_code(world)
    for _ in range(12):
        await world.shop(row.brand_id, address="Улица с довольно длинным названием, дом 15, корпус 3")

    response = await client.get("/p/IVAN7.2", headers={"Accept-Language": "ru"})

    policy = response.headers["content-security-policy"]
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in response.headers
    assert response.text.count("<li>") == 11
    assert len(response.content) < 10_000
    assert "http" not in response.text.replace("http://scanback.test", "")


async def test_qr_code_on_page_is_code_with_run(client: AsyncClient, world: World):
    await a_code(world)

    page = (await client.get("/p/IVAN7.2")).text

    ((side,), (path,)) = re.findall(r'viewBox="0 0 (\d+) ', page), re.findall(r' d="([^"]+)"', page)
    assert [code.text for code in zxingcpp.read_barcodes(drawn(int(side), path))] == ["1VAN7.2"]


def drawn(side: int, path: str) -> Image.Image:
    """The path's squares as pixels."""
    picture, x, y = Image.new("L", (side, side), 255), 0, 0
    for right, down, width in re.findall(r"m(-?\d+) (-?\d+)h(\d+)v1h-\d+z", path):
        x, y = x + int(right), y + int(down)
        picture.paste(0, (x, y, x + int(width), y + 1))
    return picture.resize((side * 4, side * 4), Image.Resampling.NEAREST)


async def test_preview_has_offer_and_readable_picture(client: AsyncClient, world: World):
    await a_code(world)

    page = (await client.get("/p/IVAN7.1", headers={"User-Agent": PREVIEWS[0]})).text
    found = dict(re.findall(r'<meta property="(og:[a-z:]+)" content="([^"]*)">', page))
    picture = await client.get(found["og:image"])

    assert found["og:title"] == "Скидка 5\xa0% · Тепломастер"
    assert found["og:url"] == "http://scanback.test/p/1VAN7.1"
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"] == "public, max-age=600"
    image = Image.open(io.BytesIO(picture.content))
    assert image.size == (1080, 1080)
    assert [code.text for code in zxingcpp.read_barcodes(image.convert("L"))] == ["HTTP://SCANBACK.TEST/P/1VAN7.1"]
    assert await views(world) == {}


@pytest.mark.parametrize(
    "state",
    [
        {"closed_at": datetime.now(UTC)},
        {"used": 3},
        {"campaign": {"state": "paused"}},
        {"campaign": {"starts_at": datetime.now(UTC) + timedelta(days=1)}},
        {"campaign": {"starts_at": datetime(2025, 1, 1, tzinfo=UTC), "ends_at": datetime(2026, 1, 1, tzinfo=UTC)}},
    ],
    ids=["closed", "used up", "paused", "not yet", "ended"],
)
async def test_codes_that_are_not_open_get_one_response(client: AsyncClient, world: World, state):
    await a_code(world, **state)

    was = await client.get("/p/IVAN7")
    never = await client.get("/p/N0SUCH9")
    picture = await client.get("/p/IVAN7/card.png")
    nonsense = await client.get("/p/%22%3E%3Cscript%3E")

    assert was.status_code == never.status_code == picture.status_code == nonsense.status_code == 404
    assert was.text == never.text == picture.text == nonsense.text
    assert "Такого промокода нет" in was.text
    assert {k: v for k, v in was.headers.items() if k != "x-request-id"} == {
        k: v for k, v in never.headers.items() if k != "x-request-id"
    }


async def test_network_over_limit_of_misses_gets_no_page(app, world: World, number):
    await a_code(world)
    number("promo_pages_missed_per_hour_per_network", 5)
    guesser, other = caller(app, "198.51.100.9"), caller(app, "192.0.2.9")
    for guess in range(5):
        await guesser.get(f"/p/GUESS{guess}")

    response = await guesser.get("/p/IVAN7")

    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 3000
    assert "IVAN7" not in response.text
    assert (await other.get("/p/IVAN7")).status_code == 200


async def test_names_are_escaped_on_the_page(client: AsyncClient, world: World):
    await a_code(world, nickname='"><script>alert(1)</script>', brand="</title><b>")

    page = (await client.get("/p/IVAN7")).text

    assert "<script>alert" not in page
    assert "<b>" not in page


# Views.


async def test_view_is_counted_once_per_network_and_run(app, world: World):
    await a_code(world)
    first, second = caller(app, "198.51.100.9"), caller(app, "192.0.2.9")

    for client in (first, first, second):
        assert (await send_view(client, "IVAN7.2")).status_code == 204
    await send_view(first, "IVAN7")
    await send_view(first, "IVAN7.9")  # an unknown run counts as run 0, which this network has seen

    assert await views(world) == {2: 2, 0: 1}


async def test_repeated_views_count_once(client: AsyncClient, world: World):
    await a_code(world)

    await asyncio.gather(*(send_view(client) for _ in range(40)))

    assert await views(world) == {0: 1}


async def test_view_counts_again_after_half_an_hour(client: AsyncClient, world: World, owner):
    await a_code(world)
    await send_view(client)
    async with owner.begin() as session:
        await session.execute(text("UPDATE counters SET ends_at = now() WHERE key LIKE 'view:%'"))

    await send_view(client)

    assert await views(world) == {0: 2}


@pytest.mark.parametrize("agent", PREVIEWS)
async def test_previews_and_robots_are_not_counted(client: AsyncClient, world: World, agent: str):
    await a_code(world)

    page = await client.get("/p/IVAN7", headers={"User-Agent": agent})
    response = await send_view(client, **{"User-Agent": agent})

    assert (page.status_code, response.status_code) == (200, 204)
    assert await views(world) == {}


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_prefetch_and_other_sites_are_not_counted(client: AsyncClient, world: World, headers):
    await a_code(world)

    response = await send_view(client, **headers)

    assert response.status_code == 204
    assert await views(world) == {}


async def test_get_request_and_unknown_code_count_nothing(client: AsyncClient, world: World):
    await a_code(world)
    for method in ("GET", "HEAD"):
        await client.request(method, "/p/IVAN7", headers={"User-Agent": PHONE})

    unknown = await send_view(client, "N0SUCH9")

    assert unknown.status_code == 204
    assert await views(world) == {}


async def test_views_of_unknown_codes_are_limited(app, world: World, number):
    await a_code(world)
    number("promo_pages_missed_per_hour_per_network", 5)
    guesser, other = caller(app, "198.51.100.9"), caller(app, "192.0.2.9")
    answers = [await send_view(guesser, f"GUESS{guess}") for guess in range(7)]

    answers.append(await send_view(guesser))
    page = await guesser.get("/p/IVAN7")

    assert {answer.status_code for answer in answers} == {204}
    assert await views(world) == {}
    assert page.status_code == 429
    assert (await other.get("/p/IVAN7")).status_code == 200


@pytest.mark.parametrize("code", ["N0SUCH9", "CL0SED", "~", "Я" * 150])
async def test_view_runs_same_statements_for_any_code(world: World, monkeypatch, code: str):
    open_code = await a_code(world)
    await world.add(
        PromoCode(
            code="CL0SED", brand_id=open_code.brand_id, campaign_id=open_code.campaign_id, closed_at=datetime.now(UTC)
        )
    )
    run: list[str] = []
    rows = Database.rows

    async def noted(db, statement, **values):
        run.append(str(statement))
        return await rows(db, statement, **values)

    monkeypatch.setattr(Database, "rows", noted)
    await send_view(world.client)
    found, run[:] = list(run), []

    await send_view(world.client, code)

    assert len(found) == 4
    assert run == found


async def test_view_has_same_duration_for_any_code(client: AsyncClient, world: World):
    await a_code(world)
    seconds: dict[str, list[float]] = {"IVAN7": [], "N0SUCH9": []}
    for _ in range(12):
        for code, times in seconds.items():  # alternating, because the machine may be busy for a while
            begun = time.perf_counter()
            await send_view(client, code)
            times.append(time.perf_counter() - begun)

    there, missing = (statistics.median(times) for times in seconds.values())
    assert abs(there - missing) < 0.02
    assert min(there, missing) >= 0.05


# In a real browser.


@pytest.mark.browser
async def test_buyer_copies_the_code_and_is_counted_once(browser: Browser, live_url: str, world: World):
    await a_code(world)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, locale="ru", user_agent=PHONE, permissions=["clipboard-write"]
    )
    visit = Visit(await context.new_page(), live_url)

    page = await visit.open("/p/IVAN7.2")
    await page.get_by_role("button", name="Скопировать").click()
    await expect(page.get_by_role("button", name="Скопировано")).to_be_visible()
    await page.reload()
    await expect(page.locator("#code")).to_have_text("IVAN7.2")
    await seen(world, {2: 1})
    picture = Image.open(io.BytesIO(await page.screenshot()))

    assert [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))] == ["1VAN7.2"]
    assert visit.complaints == []
    assert visit.strangers == []
    assert await context.cookies() == []
    await context.close()


@pytest.mark.browser
async def test_svg_card_is_readable_in_browser(browser: Browser, live_url: str, world: World, client: AsyncClient):
    agent = await world.account()
    rows = await world.db.rows(text("SELECT id FROM accounts"))
    row = await a_code(world, key=uuid.uuid4(), account_id=rows[0].id)
    context = await browser.new_context(extra_http_headers={"Authorization": f"Bearer {agent.token}"})
    page = await context.new_page()

    for size, (width, height) in SVG_PIXELS.items():
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(f"{live_url}/v1/promo-codes/{row.key}/card.svg?size={size}&run=1")
        picture = Image.open(io.BytesIO(await page.screenshot())).convert("L")
        small = picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)
        shown = picture if size in ("business", "leaflet") else small  # 96 dpi is a third of print already
        assert [code.text for code in zxingcpp.read_barcodes(shown)] == [f"{live_url.upper()}/P/1VAN7.1"]
    await context.close()


async def seen(world: World, wanted: dict[int, int]) -> None:
    """Wait for views, which the browser sends asynchronously."""
    for _ in range(50):
        if await views(world) == wanted:
            return
        await asyncio.sleep(0.1)
    assert await views(world) == wanted
