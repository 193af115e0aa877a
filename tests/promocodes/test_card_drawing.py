"""Cards are read back: every size at a third of it and badly compressed; and what they say is all there."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from backend.promocodes.cards import colours, layout, png, proof
from backend.promocodes.cards.content import Card, Kind, Size, fingerprint
from backend.promocodes.cards.logo import LogoUnreadable, clean
from backend.promocodes.cards.proof import CardUnreadable
from tests.promocodes.cards import CARD, EVERY, LONG, raster, read

# An address whose modules are too small for a third of a business card as it is usually drawn.
FINE = Card(link="HTTPS://EX.RU/P/" + "A" * 700, code="X", offer="Скидка", brand="Бренд")


def third(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=quality)
    return content.getvalue()


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


def test_contrast_is_that_of_the_standard():
    assert colours.contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert colours.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert colours.on("#FFD500") == colours.DARK
