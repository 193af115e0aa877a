"""Drawing of cards: readability at a third of the size and after bad compression, and complete texts."""

import io
import itertools
import re

import numpy as np
import pytest
from PIL import Image

from backend.earning.promocodes.cards.artwork import colours, layout, png, readability
from backend.earning.promocodes.cards.artwork.content import Card, CardFormat, CardSize, fingerprint
from backend.earning.promocodes.cards.artwork.logo import LogoUnreadable, reencode_logo
from backend.earning.promocodes.cards.artwork.readability import CardUnreadable
from tests.earning.promocodes.cards import CARD, EVERY, LONG, raster, read

# An address whose modules are too small on a business card reduced to a third.
FINE = Card(link="HTTPS://EX.RU/P/" + "A" * 700, code="X", offer="Скидка", brand="Бренд")


def third(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=quality)
    return content.getvalue()


@pytest.mark.parametrize("card", [CARD, LONG], ids=["usual", "long"])
@pytest.mark.parametrize(("size", "kind"), [pair for pair in EVERY if pair[1] is not CardFormat.SVG])
async def test_small_compressed_card_is_readable(app, size, kind, card):
    copies = 10 if (size, kind) == (CardSize.BUSINESS, CardFormat.PDF) else 1

    picture = raster(readability.draw_card_file(card, size, kind), kind)

    assert read(picture) == read(third(picture)) == [card.link] * copies
    found = await app.state["decoder"].read(jpeg(third(picture), quality=30))
    assert {symbol.text for symbol in found} == {card.link}


@pytest.mark.parametrize("size", CardSize)
def test_texts_are_inside_card_beside_qr_code(size):
    for card in (CARD, LONG):
        drawn = layout.lay_out(card, size)
        box = drawn.symbol.box

        for line in drawn.lines:
            left = line.x - line.width / 2 if line.centred else line.x
            assert left >= 0
            assert left + line.width <= drawn.paper.width
            assert line.baseline - 0.72 * line.size > 0
            assert line.baseline + 0.28 * line.size <= drawn.paper.height
            beside = left + line.width <= box.x or left >= box.x + box.width
            assert beside or line.baseline <= box.y or line.baseline - line.size * 0.72 >= box.y + box.height


@pytest.mark.parametrize("size", CardSize)
def test_code_and_advertising_label_are_never_truncated(size):
    for card, attempt in itertools.product((CARD, LONG), layout.ATTEMPTS):
        written = " ".join(line.text for line in layout.lay_out(card, size, attempt).lines)

        assert card.code in written.replace(" ", "")
        assert card.label.replace(" ", "") in written.replace(" ", "")


def test_text_does_not_break_at_other_spaces():
    offer = "Скидка 1\xa0000\xa0₽, от 20\xa0000\xa0₽ в одном чеке"

    for size in CardSize:
        rows = [line.text for line in layout.lay_out(Card("A", "A", offer, "Бренд"), size).lines]
        assert any("1\xa0000\xa0₽," in row for row in rows)
        assert any("20\xa0000\xa0₽" in row for row in rows)


def test_bytes_and_fingerprint_depend_only_on_content():
    other = [Card(CARD.link, "IVAN8", CARD.offer, CARD.brand), *(CARD, CARD)]

    names = {fingerprint(card, size, kind) for card in other for size, kind in EVERY}

    assert len(names) == 2 * len(EVERY)
    for size, kind in EVERY:
        assert readability.draw_card_file(CARD, size, kind) == readability.draw_card_file(CARD, size, kind)


def test_unreadable_card_raises():
    # No QR code of any grade holds so much text.
    endless = Card(link="https://ex.ru/p/" + "ж" * 3000, code="X", offer="", brand="")

    with pytest.raises(CardUnreadable):
        readability.draw_card_file(endless, CardSize.BUSINESS, CardFormat.PNG)
    with pytest.raises(CardUnreadable):
        readability.draw_card_file(FINE, CardSize.BUSINESS, CardFormat.PNG, attempts=layout.ATTEMPTS[:2])


def test_qr_code_with_small_modules_is_drawn_larger():
    picture = png.draw_picture(layout.lay_out(FINE, CardSize.BUSINESS, layout.ATTEMPTS[0]))

    made = raster(readability.draw_card_file(FINE, CardSize.BUSINESS, CardFormat.PNG), CardFormat.PNG)

    assert not readability.is_readable(picture, FINE.link, 1)
    assert read(third(made)) == [FINE.link]


def test_qr_code_is_dark_on_white_for_any_colours():
    picture = png.draw_picture(layout.lay_out(LONG, CardSize.MESSENGER))
    box = layout.lay_out(LONG, CardSize.MESSENGER).symbol.box

    inside = picture.crop((int(box.x) + 60, int(box.y) + 60, int(box.x + box.width) - 60, int(box.y + box.height) - 60))

    assert {colour for _, colour in inside.getcolors()} == {
        colours.channels(colours.DARK),
        colours.channels(colours.LIGHT),
    }


@pytest.mark.parametrize("size", CardSize)
def test_card_pdf_disables_print_scaling(size):
    content = readability.draw_card_file(CARD, size, CardFormat.PDF)

    assert re.search(rb"/PrintScaling\s*/None", content)


def test_sheet_has_ten_business_cards_with_marks_outside():
    sheet = raster(readability.draw_card_file(CARD, CardSize.BUSINESS, CardFormat.PDF), CardFormat.PDF)
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


def test_logo_is_reencoded_and_other_files_are_refused():
    picture, content = Image.new("RGBA", (2000, 500), "#FF000080"), io.BytesIO()
    picture.save(content, format="PNG")

    cleaned = Image.open(io.BytesIO(reencode_logo(content.getvalue())))

    assert cleaned.size == (800, 200)
    for wrong in (b"", b"<svg/>", content.getvalue()[:60], jpeg(picture.convert("RGB"), 90), b"\x89PNG" * 400_000):
        with pytest.raises(LogoUnreadable):
            reencode_logo(wrong)


def test_contrast_is_as_in_wcag():
    assert colours.contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert colours.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert colours.readable_on("#FFD500") == colours.DARK
