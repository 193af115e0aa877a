"""Cards are read back: every size at a third of it and badly compressed; what they say, and who gets them."""

import asyncio
import io
import itertools
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from httpx2 import AsyncClient
from PIL import Image
from sqlalchemy import text

from backend.brands.models import Brand
from backend.files.bucket import Bucket
from backend.programmes.rules import Percent, Promo, Rule
from backend.promocodes.cards import colours, layout, png, proof
from backend.promocodes.cards.content import Card, Kind, Look, Size, fingerprint
from backend.promocodes.cards.logo import LogoUnreadable, clean
from backend.promocodes.cards.proof import CardUnreadable
from backend.promocodes.models import PromoCode, PromoRun
from backend.promocodes.studio import AT_ONCE, MOST_WAITING, Studio, StudioBusy, remove_cards
from scanning import payload
from tests.bucket import serving_s3
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
# Codes as long as they come, in Cyrillic: each letter takes six signs of the address.
LONG = Card(
    link="HTTPS://PROMO.A-RATHER-LONG-NAME-OF-A-SHOP.EXAMPLE.RU/P/" + "%D0%96" * 16 + ".99",
    code="Ж" * 16 + ".99",
    offer="Скидка 12,5 % на всё, " * 6,
    brand="Общество с очень длинным названием и другими делами",
    nickname="Советует 👷 " + "Щ" * 40,
    label="Реклама. " + "Завод Ещё " * 12 + " erid: " + "x" * 64,
    look=Look("#111111", "#FFFFFF", "#FFD500"),
)
# An address whose modules are too small for a third of a business card as it is usually drawn.
FINE = Card(link="HTTPS://EX.RU/P/" + "A" * 700, code="X", offer="Скидка", brand="Бренд")
RULE = Rule(ways=frozenset({"promo"}), amount=Percent(300), hold_days=14, promo=Promo(discount=Percent(500)))
EVERY = list(itertools.product(Size, Kind))


def raster(content: bytes, kind: Kind) -> Image.Image:
    """A file as somebody sees it; a PDF at 300 dpi."""
    if kind is not Kind.PDF:
        return Image.open(io.BytesIO(content)).convert("RGB")
    document = pypdfium2.PdfDocument(content)
    picture = document[0].render(scale=300 / 72).to_pil().convert("RGB")
    document.close()
    return picture


def third(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=quality)
    return content.getvalue()


def read(picture: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(np.asarray(picture.convert("L")), formats=zxingcpp.BarcodeFormat.QRCodeModel2)
    return [code.text for code in found]


@pytest.mark.parametrize("card", [CARD, LONG], ids=["usual", "long"])
@pytest.mark.parametrize(("size", "kind"), [pair for pair in EVERY if pair[1] is not Kind.SVG])
async def test_every_size_is_read_at_a_third_of_it_and_badly_compressed(app, size, kind, card):
    copies = 10 if (size, kind) == (Size.BUSINESS, Kind.PDF) else 1

    picture = raster(proof.make(card, size, kind), kind)

    assert read(picture) == read(third(picture)) == [card.link] * copies
    found = await app.state["decoder"].read(jpeg(third(picture), quality=30))
    assert {symbol.text for symbol in found} == {card.link}


@pytest.mark.parametrize("size", Size)
def test_nothing_on_a_card_stands_outside_it_or_on_its_qr_code(size):
    for card in (CARD, LONG):
        drawn = layout.draw(card, size)
        box = drawn.symbol.box

        for line in drawn.lines:
            left = line.x - line.width / 2 if line.centred else line.x
            assert left >= 0
            assert left + line.width <= drawn.paper.width
            assert line.baseline - 0.72 * line.size > 0
            assert line.baseline + 0.28 * line.size <= drawn.paper.height
            beside = left + line.width <= box.x or left >= box.x + box.width
            assert beside or line.baseline <= box.y or line.baseline - line.size * 0.72 >= box.y + box.height


@pytest.mark.parametrize("size", Size)
def test_a_code_and_what_the_law_wants_are_never_cut(size):
    for card, attempt in itertools.product((CARD, LONG), layout.ATTEMPTS):
        written = " ".join(line.text for line in layout.draw(card, size, attempt).lines)

        assert card.code in written.replace(" ", "")
        assert card.label.replace(" ", "") in written.replace(" ", "")


def test_what_belongs_together_is_not_torn_apart():
    offer = "Скидка 1\xa0000\xa0₽, от 20\xa0000\xa0₽ в одном чеке"

    for size in Size:
        rows = [line.text for line in layout.draw(Card("A", "A", offer, "Бренд"), size).lines]
        assert any("1\xa0000\xa0₽," in row for row in rows)
        assert any("20\xa0000\xa0₽" in row for row in rows)


def test_the_same_card_has_the_same_bytes_and_name_and_any_other_has_not():
    other = [Card(CARD.link, "IVAN8", CARD.offer, CARD.brand), *(CARD, CARD)]

    names = {fingerprint(card, size, kind) for card in other for size, kind in EVERY}

    assert len(names) == 2 * len(EVERY)
    for size, kind in EVERY:
        assert proof.make(CARD, size, kind) == proof.make(CARD, size, kind)


def test_a_card_that_cannot_be_read_back_is_never_given():
    # No QR code of any grade holds as much.
    endless = Card(link="https://ex.ru/p/" + "ж" * 3000, code="X", offer="", brand="")

    with pytest.raises(CardUnreadable):
        proof.make(endless, Size.BUSINESS, Kind.PNG)
    with pytest.raises(CardUnreadable):
        proof.make(FINE, Size.BUSINESS, Kind.PNG, attempts=layout.ATTEMPTS[:2])


def test_a_symbol_of_too_fine_modules_is_drawn_larger():
    picture = png.picture(layout.draw(FINE, Size.BUSINESS, layout.ATTEMPTS[0]))

    made = raster(proof.make(FINE, Size.BUSINESS, Kind.PNG), Kind.PNG)

    assert not proof.is_read(picture, FINE.link, 1)
    assert read(third(made)) == [FINE.link]


def test_the_qr_code_is_dark_on_white_whatever_the_brands_colours_are():
    picture = png.picture(layout.draw(LONG, Size.MESSENGER))
    box = layout.draw(LONG, Size.MESSENGER).symbol.box

    inside = picture.crop((int(box.x) + 60, int(box.y) + 60, int(box.x + box.width) - 60, int(box.y + box.height) - 60))

    assert {colour for _, colour in inside.getcolors()} == {
        colours.channels(colours.DARK),
        colours.channels(colours.LIGHT),
    }


def test_business_cards_are_ten_on_a_sheet_with_marks_outside_of_them():
    sheet = raster(proof.make(CARD, Size.BUSINESS, Kind.PDF), Kind.PDF)
    corner = (210 - 170) / 2, (297 - 275) / 2

    dots = np.asarray(sheet.convert("L")) < 100
    millimetre = sheet.width / 210

    assert [round(side / millimetre) for side in sheet.size] == [210, 297]
    for column in (0, 85, 170):
        assert dots[int(5 * millimetre), around(corner[0] + column, millimetre)].any()
    for row in range(0, 276, 55):
        assert dots[around(corner[1] + row, millimetre), int(14 * millimetre)].any()


def around(place: float, millimetre: float) -> slice:
    return slice(int((place - 0.3) * millimetre), int((place + 0.3) * millimetre) + 1)


def test_a_logo_is_cleaned_and_what_is_none_is_refused():
    picture, content = Image.new("RGBA", (2000, 500), "#FF000080"), io.BytesIO()
    picture.save(content, format="PNG")

    cleaned = Image.open(io.BytesIO(clean(content.getvalue())))

    assert cleaned.size == (800, 200)
    for wrong in (b"", b"<svg/>", content.getvalue()[:60], jpeg(picture.convert("RGB"), 90), b"\x89PNG" * 400_000):
        with pytest.raises(LogoUnreadable):
            clean(wrong)


# Over HTTP.


async def a_code(world: World, code: str = "1VAN7", runs: int = 2, rule: Rule = RULE, **fields):
    """An agent, and his open code with some runs."""
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


@pytest.mark.parametrize(("size", "kind"), EVERY)
async def test_an_agent_gets_the_card_of_his_code(world: World, size, kind):
    agent, row = await a_code(world)

    response = await card(world, agent, row, kind, size=str(size), run=1)

    assert response.status_code == 200, response.text
    if kind is Kind.SVG:
        assert response.headers["content-type"] == "image/svg+xml"
        assert "IVAN7.1" in response.text
    else:
        found = set(read(raster(response.content, kind)))
        assert found == {"HTTP://SCANBACK.TEST/P/1VAN7.1"}
        assert payload.classify(found.pop()) == ("promo", "1VAN7.1")


async def test_a_card_asked_for_again_is_not_sent_again(world: World):
    agent, row = await a_code(world)
    first = await card(world, agent, row)

    again = await card(world, agent, row, headers={"If-None-Match": first.headers["etag"]})
    in_russian = await card(
        world, agent, row, headers={"If-None-Match": first.headers["etag"], "Accept-Language": "ru"}
    )

    assert (again.status_code, again.content) == (304, b"")
    assert in_russian.status_code == 200
    assert in_russian.headers["etag"] != first.headers["etag"]


async def test_a_card_is_made_once_and_then_taken_from_the_storage(world: World, app, monkeypatch):
    agent, row = await a_code(world)
    first = await card(world, agent, row)
    monkeypatch.setattr(proof, "ATTEMPTS", ())

    again = await card(world, agent, row)

    assert again.content == first.content
    await remove_cards(row.id, files=app.state["files"])
    assert not list((world.settings.data / "files" / "cards").glob(f"{row.id}/*"))


async def test_a_storage_with_an_address_of_its_own_gives_a_link_to_agents_and_the_picture_to_previews(
    world: World, app, monkeypatch
):
    agent, row = await a_code(world)
    with serving_s3() as address:
        bucket = Bucket(f"s3://scanback/x?links={address}")
        monkeypatch.setitem(app.state, "studio", Studio(bucket))

        linked = await card(world, agent, row)
        public = await world.client.get("/p/IVAN7/card.png?lang=en")
        async with AsyncClient() as client:
            content = (await client.get(linked.headers["location"])).content
        bucket.close()

    assert linked.status_code == 307
    assert f"/scanback/x/cards/{row.id}/" in linked.headers["location"]
    assert linked.headers["cache-control"] == "private, no-store"
    assert public.status_code == 200
    assert content == public.content


async def test_a_card_of_somebody_elses_code_or_of_no_run_is_not_there(world: World):
    agent, row = await a_code(world)

    strangers = await card(world, await world.account(), row)
    no_run = await card(world, agent, row, run=3)

    assert (strangers.status_code, strangers.json()["code"]) == (404, "promo_code_unknown")
    assert (no_run.status_code, no_run.json()["code"]) == (404, "promo_run_unknown")


@pytest.mark.parametrize(
    "over",
    [{"closed_at": datetime.now(UTC)}, {"campaign": {"state": "ended"}},
     {"campaign": {"ends_at": datetime.now(UTC) - timedelta(hours=1)}}],
)  # fmt: skip
async def test_a_code_that_is_over_has_no_card(world: World, over):
    agent, row = await a_code(world, **over)

    response = await card(world, agent, row)

    assert (response.status_code, response.json()["code"]) == (409, "promo_code_over")


async def test_too_many_cards_at_once_are_put_off(app):
    studio = Studio(app.state["files"])
    cards = [Card(f"HTTPS://EX.RU/P/A{number}", "A", "Offer", "Brand") for number in range(AT_ONCE + MOST_WAITING + 3)]

    found = await gathered(studio, cards)

    assert sum(isinstance(answer, StudioBusy) for answer in found) == 3
    assert len({answer for answer in found if isinstance(answer, str)}) == AT_ONCE + MOST_WAITING
    assert all(await gathered(studio, cards[:5]))


async def test_many_who_want_the_same_card_wait_for_one(app):
    studio = Studio(app.state["files"])
    wanted = Card("HTTPS://EX.RU/P/SAME", "SAME", "Offer", "Brand")

    found = await gathered(studio, [wanted] * 50)

    assert len(set(found)) == 1
    assert (await studio.read(found[0])).startswith(b"<svg")


async def gathered(studio: Studio, cards: list[Card]) -> list[object]:
    places = [studio.place(0, each, Size.MESSENGER, Kind.SVG) for each in cards]
    return await asyncio.gather(*places, return_exceptions=True)


# What the brand sets.


def a_logo() -> bytes:
    content = io.BytesIO()
    Image.new("RGBA", (300, 100), "#CC0033").save(content, format="PNG")
    return content.getvalue()


async def test_a_brands_colours_logo_and_label_stand_on_the_card(world: World):
    agent, row = await a_code(world)
    owner = await world.staff(await brand_of(world, row))
    before = await card(world, agent, row, "svg")
    look = {"background": "#101820", "ink": "#ffffff", "accent": "#F2AA4C"}
    labels = [
        {"from": "2020-01-01", "until": "2020-12-31", "advertiser": "ООО «Прошлое»", "erid": "past"},
        {"from": "2026-01-01", "advertiser": "ООО «Тепломастер».", "erid": "2Vtz"},
        {"from": "2090-01-01", "advertiser": "ООО «Будущее»"},
    ]

    put = await owner.put("/v1/console/brand/card", look | {"labels": labels})
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
        assert set(read(raster(drawn.content, Kind(kind)))) == {"HTTP://SCANBACK.TEST/P/1VAN7"}


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
async def test_a_look_that_nobody_could_read_or_a_wrong_label_is_refused(world: World, body, code):
    owner = await world.staff()

    response = await owner.put("/v1/console/brand/card", body)

    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_a_logo_can_be_seen_and_taken_away_and_must_be_a_png(world: World):
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


async def test_a_card_read_before_another_change_is_not_overwritten(world: World):
    owner = await world.staff()
    read_before = (await owner.get("/v1/console/brand/card")).headers["etag"]
    await owner.put("/v1/console/brand/card", {"accent": "#123456"})

    response = await owner.put("/v1/console/brand/card", {}, headers={"If-Match": read_before})

    assert response.status_code == 412


def test_contrast_is_that_of_the_standard():
    assert colours.contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert colours.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert colours.on("#FFD500") == colours.DARK
