import os
import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from scanning.codes.gs1 import read_marking
from scanning.payload import classify
from scanning.pictures import decode, decode_plan, scan
from scanning.problem import PictureTooLarge
from tests.scanning.pictures import draw
from tests.scanning.pictures.draw import URL

LABEL = draw.photo(draw.qr())


def texts(data):
    return [symbol.text for symbol in scan.read(data)]


def transparent(picture):
    ink = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    ink.putalpha(ImageOps.invert(picture))
    return ink


def at_an_angle(picture):
    width, height = picture.size
    corners = (0, 0, 80, height, width, height - 60, width - 40, 90)
    return picture.transform(picture.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)


def in_shadow(picture):
    light = np.linspace(0.15, 1, picture.width)
    return Image.fromarray((np.asarray(picture) * light).astype(np.uint8))


HURT = {
    "as it is": LABEL,
    "turned by 90 degrees": LABEL.rotate(90, expand=True),
    "turned by 37 degrees": LABEL.rotate(37, expand=True, fillcolor=210),
    "upside down": LABEL.rotate(180),
    "mirrored": ImageOps.mirror(LABEL),
    "at an angle": at_an_angle(LABEL),
    "blurred": LABEL.filter(ImageFilter.GaussianBlur(4)),
    "inverted": ImageOps.invert(LABEL),
    "faint": LABEL.point(lambda shade: 140 + shade // 12),
    "dark": LABEL.point(lambda shade: shade // 16),
    "in shadow": in_shadow(LABEL),
    "noisy": draw.noisy(LABEL, 40),
    "small": LABEL.resize((240, 180), Image.Resampling.BOX),
    "very small": LABEL.resize((225, 169), Image.Resampling.BOX),
    "in colour": ImageOps.colorize(LABEL, "navy", "moccasin"),
    "transparent": transparent(draw.qr()),
    "white on nothing": Image.merge("LA", (Image.new("L", draw.qr().size, 255), ImageOps.invert(draw.qr()))),
    "in a large photograph": draw.photo(draw.qr(), size=(4000, 3000)),
}


@pytest.mark.parametrize("picture", HURT.values(), ids=HURT.keys())
def test_label_photographed_badly_is_read(picture):
    assert texts(draw.file(picture)) == [URL]


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("JPEG", {"quality": 30}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("WEBP", {"quality": 30}),
        ("WEBP", {"lossless": True}),
        ("HEIF", {"quality": 30}),
        ("AVIF", {"quality": 30}),
        ("PDF", {"resolution": 200}),
        ("PNG", {}),
    ],
)
def test_label_in_any_format_is_read(format_, options):
    assert texts(draw.file(LABEL.filter(ImageFilter.GaussianBlur(1)), format_, **options)) == [URL]


def test_label_position_respects_exif_rotation():
    label = Image.new("L", (800, 600), 255)
    label.paste(draw.qr(), (500, 100))
    exif = Image.Exif()
    exif[0x112] = 6

    (symbol,) = scan.read(draw.file(label.rotate(90, expand=True), "JPEG", exif=exif))

    assert symbol.corners == pytest.approx(np.array([(532, 132), (732, 132), (732, 332), (532, 332)]), abs=6)
    assert symbol.outline[0] == pytest.approx((532 / 800, 132 / 600), abs=0.01)


def test_all_codes_of_photo_are_found():
    codes = [draw.qr("HTTPS://EX.RU/C/FIRST"), draw.datamatrix(module=6), draw.ean(), draw.qr("HTTPS://EX.RU/P/SPRING")]

    found = scan.read(draw.file(draw.photo(*codes, size=(1500, 700)), "JPEG", quality=80))

    assert {(symbol.format, classify(symbol.text).kind) for symbol in found} == {
        ("qr", "promo"),
        ("qr", "unknown"),
        ("datamatrix", "marking"),
        ("ean", "barcode"),
    }


def test_duplicate_code_is_found_once():
    assert texts(draw.file(draw.photo(draw.qr(), draw.qr()))) == [URL]


def test_codes_on_all_pages_are_found():
    words = [f"PAGE{number}" for number in range(1, 13)]
    pages = [draw.photo(draw.qr(f"HTTPS://EX.RU/P/{word}"), size=(600, 800)) for word in words]

    found = scan.read(draw.file(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=150))

    assert [(symbol.page, symbol.text) for symbol in found] == [
        (number, f"HTTPS://EX.RU/P/{word}") for number, word in enumerate(words, 1)
    ]


def test_pdf_pages_are_read_until_time_ends():
    pages = [draw.photo(draw.qr(f"HTTPS://EX.RU/P/{number}"), size=(600, 800)) for number in range(5)]
    calls = []

    found = scan.read(
        draw.file(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=150),
        go_on=lambda: len(calls.append(1) or calls) < 2,
    )

    assert [symbol.page for symbol in found] == [1, 2]


LIGHT_CODE = Image.merge("LA", (Image.new("L", draw.qr().size, 255), ImageOps.invert(draw.qr())))


def _transparent_sheet(*things):
    sheet = Image.new("LA", (900, 500), (0, 0))
    for place, thing in things:
        sheet.paste(thing, place)
    return sheet


@pytest.mark.parametrize(
    "things",
    [
        [((300, 300), Image.new("LA", (200, 20), (180, 255)))],
        [((20, 20), Image.new("LA", (60, 60), (0, 255)))],
        [((20, 20), Image.new("LA", (60, 60), (255, 255))), ((800, 20), Image.new("LA", (60, 60), (90, 255)))],
        [((500, 100), Image.new("LA", (300, 300), (128, 128)))],
    ],
    ids=["a grey caption", "something dark", "light and grey", "something half transparent"],
)
def test_light_code_on_transparent_background_is_read(things):
    assert texts(draw.file(_transparent_sheet(((100, 60), LIGHT_CODE), *things))) == [URL]


def test_light_and_dark_codes_on_transparent_are_read():
    dark_code = transparent(draw.qr("HTTPS://EX.RU/P/DARK")).convert("LA")

    assert set(texts(draw.file(_transparent_sheet(((40, 60), LIGHT_CODE), ((500, 60), dark_code))))) == {
        URL,
        "HTTPS://EX.RU/P/DARK",
    }


def test_marking_code_preserves_its_separators():
    (symbol,) = scan.read(draw.file(draw.photo(draw.datamatrix())))

    assert symbol.raw == f"01{draw.GTIN}215abcDEF1234xy\x1d91EE08\x1d92".encode() + b"dGVz" * 11
    assert read_marking(symbol.text) == (draw.GTIN, "5abcDEF1234xy", True)


def test_single_barcode_is_found():
    (symbol,) = scan.read(draw.file(draw.photo(draw.ean("4600439931256"))))

    assert (symbol.text, symbol.format) == ("4600439931256", "ean")


def test_poor_code_beside_clear_barcode_is_found():
    faint = draw.qr().point(lambda shade: shade // 20)

    found = scan.read(draw.file(draw.noisy(draw.photo(faint, draw.ean()), 2)))

    assert [(symbol.format, symbol.step == "ean") for symbol in found] == [("ean", True), ("qr", False)]


@pytest.mark.parametrize("beside", ["http://check.egais.ru?id=a1b2&dt=2026", "https://qr.nspk.ru/AS10003P3RH0"])
def test_poor_receipt_beside_clear_other_code_is_found(beside):
    receipt = draw.qr("t=20261122T1528&s=232.20&fn=7380440902582955&i=5321&fp=1291708960&n=1", module=6)
    faint = receipt.point(lambda shade: shade // 20)

    found = scan.read(draw.file(draw.noisy(draw.photo(faint, draw.qr(beside, module=6)), 2)))

    assert [symbol.text[:6] for symbol in found] == [beside[:6], "t=2026"]


@pytest.mark.parametrize("sigma", [0, 10, 60])
def test_picture_without_code_has_none(sigma):
    assert scan.read(draw.file(draw.noisy(Image.new("L", (500, 400), 128), sigma))) == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("проверка".encode(), "проверка"),
        ("проверка".encode("cp1251"), "проверка"),
        (b"caf\xe9\x98", "caf\xe9\x98"),
        (b"a\x1db\0c", "a\x1db\0c"),
    ],
)
def test_bytes_decode_by_first_matching_encoding(raw, text):
    assert decode.text_of(raw) == text


def test_binary_content_of_code_is_unchanged():
    (symbol,) = scan.read(draw.file(draw.qr("цена".encode("cp1251"))))

    assert symbol.raw == "цена".encode("cp1251")
    assert symbol.text == "цена"


def test_retries_end_when_time_is_up():
    calls = []

    found = scan.read(draw.file(Image.new("L", (300, 300), 128)), go_on=lambda: len(calls.append(1) or calls) < 3)

    assert found == []
    assert len(calls) == 3


def test_picture_limits_apply_to_scan():
    with pytest.raises(PictureTooLarge):
        scan.read(draw.file(LABEL), scan.Limits(pixels=1000))


@pytest.mark.parametrize(
    "step", [step for step in decode_plan.RETRIES if step.name != "zbar"], ids=lambda step: step.name
)
def test_ordinary_label_is_read_by_each_step(step):
    picture = np.asarray(draw.photo(draw.qr(module=5), size=(800, 600)))

    found = step.read(step.change(picture))

    assert [symbol.text for symbol in found] == [URL]


def test_large_picture_is_not_enlarged():
    steps = [step for step in decode_plan.RETRIES if step.name.startswith("doubled")]

    assert steps
    assert all(step.change(np.zeros((100, 1700), np.uint8)) is None for step in steps)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 2)])
def test_decode_plan_handles_pictures_of_any_shape(shape):
    assert scan.read(draw.file(Image.fromarray(np.zeros(shape, np.uint8)))) == []


def test_step_names_are_unique():
    names = [step.name for step in decode_plan.FIRST + decode_plan.RETRIES]

    assert len(set(names)) == len(names)


def test_installed_zbar_reads_label():
    if "pyzbar" not in decode.live_engines():
        assert not os.environ.get("CI"), "libzbar0 is missing"
        pytest.skip("libzbar0 is not installed")

    (symbol,) = decode.read_by_zbar(np.asarray(LABEL))

    assert (symbol.text, symbol.format, symbol.engine) == (URL, "qr", "pyzbar")


def test_scan_without_zbar_reads_label(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyzbar.pyzbar", None)
    decode._load_zbar.cache_clear()

    engines, found = decode.live_engines(), decode.read_by_zbar(np.asarray(LABEL))
    decode._load_zbar.cache_clear()

    assert engines == ["zxing-cpp"]
    assert found == []
