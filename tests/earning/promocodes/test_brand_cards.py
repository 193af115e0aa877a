"""A brand's card settings: colours, logo, advertising labels."""

import asyncio
import io

import pytest
from PIL import Image
from sqlalchemy import text

from backend.earning.promocodes.cards.artwork.content import CardFormat
from backend.earning.promocodes.models import BrandCard, PromoCode
from backend.identity.brands.models import Brand
from tests.earning.promocodes.cards import a_code, card, raster, read
from tests.make import World
from tests.worker.local_worker import until

WAITS = text("SELECT 1 FROM pg_locks WHERE NOT granted")


def a_logo() -> bytes:
    content = io.BytesIO()
    Image.new("RGBA", (300, 100), "#CC0033").save(content, format="PNG")
    return content.getvalue()


async def test_card_shows_brand_colours_logo_and_label(world: World):
    agent, row = await a_code(world)
    owner = await world.staff(await brand_of(world, row))
    before = await card(world, agent, row, "svg")
    colours = {"background": "#101820", "ink": "#ffffff", "accent": "#F2AA4C"}
    labels = [
        {"from": "2020-01-01", "until": "2020-12-31", "advertiser": "ООО «Прошлое»", "erid": "past"},
        {"from": "2026-01-01", "advertiser": "ООО «Тепломастер».", "erid": "2Vtz"},
        {"from": "2090-01-01", "advertiser": "ООО «Будущее»"},
    ]

    put = await owner.put("/v1/console/brand/card", colours | {"labels": labels})
    logo = await owner.ask(
        "PUT", "/v1/console/brand/card/logo", content=a_logo(), headers={"Content-Type": "image/png"}
    )
    after = await card(world, agent, row, "svg", headers={"Accept-Language": "ru"})

    assert put.status_code == 200, put.text
    assert logo.json() == put.json() | {"has_logo": True}
    assert "Реклама. ООО «Тепломастер». erid: 2Vtz" in after.text
    assert "Прошлое" not in after.text
    assert "Будущее" not in after.text
    assert "Скидка 5\xa0%" in after.text
    assert "#101820" in after.text
    assert "data:image/png;base64," in after.text
    assert "Реклама" not in before.text
    for kind in ("png", "pdf"):
        drawn = await card(world, agent, row, kind, size="business")
        assert set(read(raster(drawn.content, CardFormat(kind)))) == {"HTTP://SCANBACK.TEST/P/1VAN7"}


async def test_concurrent_first_changes_are_both_saved(world: World):
    brand = await world.brand()
    owner = await world.staff(brand)
    colours = {"background": "#101820", "ink": "#FFFFFF", "accent": "#F2AA4C"}
    earlier = BrandCard(brand_id=brand.id, background="#FFFFFF", ink="#000000", accent="#333333", logo=a_logo())

    async with world.db.begin() as session:
        session.add(earlier)
        await session.flush()
        later = asyncio.create_task(owner.put("/v1/console/brand/card", colours))
        await until(lambda: world.db.rows(WAITS))

    assert (await later).status_code == 200
    assert (await later).json() == colours | {"has_logo": True}


async def brand_of(world: World, row: PromoCode):
    async with world.db.begin() as session:
        return await session.get_one(Brand, row.brand_id)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"background": "#FFFFFF", "ink": "#BBBBBB"}, "colours_too_close"),
        ({"labels": [{"from": "2026-02-01", "until": "2026-01-01", "advertiser": "X"}]}, "label_dates"),
        ({"labels": [{"from": "2026-02-01", "advertiser": "X", "campaign": "no"}]}, "label_campaign_unknown"),
    ],
)
async def test_low_contrast_or_invalid_label_is_refused(world: World, body, code):
    owner = await world.staff()

    response = await owner.put("/v1/console/brand/card", body)

    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_logo_is_png_and_can_be_removed(world: World):
    owner, path = await world.staff(), "/v1/console/brand/card/logo"

    wrong = await owner.ask("PUT", path, content=b"GIF89a", headers={"Content-Type": "image/png"})
    other = await owner.ask("PUT", path, content=b"<svg/>", headers={"Content-Type": "image/svg+xml"})
    missing = await owner.get(path)
    await owner.ask("PUT", path, content=a_logo(), headers={"Content-Type": "image/png"})
    seen = await owner.get(path)
    gone = await owner.delete(path)

    assert (wrong.status_code, wrong.json()["code"]) == (422, "logo_refused")
    assert other.status_code == 415
    assert (missing.status_code, missing.json()["code"]) == (404, "card_logo_missing")
    assert Image.open(io.BytesIO(seen.content)).size == (300, 100)
    assert gone.status_code == 204
    assert (await owner.get("/v1/console/brand/card")).json()["has_logo"] is False


async def test_settings_with_outdated_etag_are_refused(world: World):
    owner = await world.staff()
    read_before = (await owner.get("/v1/console/brand/card")).headers["etag"]
    await owner.put("/v1/console/brand/card", {"accent": "#123456"})

    response = await owner.put("/v1/console/brand/card", {}, headers={"If-Match": read_before})

    assert response.status_code == 412
