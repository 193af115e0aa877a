import struct

import numpy as np
import pytest
from PIL import Image

from scanning.pictures import picture
from scanning.pictures.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable
from tests.scanning.pictures import bombs, draw

# Dark above and left, light below and right, so all orientations differ.
CORNERS = Image.fromarray(np.add.outer(np.arange(0, 120), np.arange(0, 100) // 2 * 2).astype(np.uint8) // 2)


def pages(data, *limits):
    return [sheet.gray for sheet in picture.sheets(data, *limits)]


def nearly(one, other):
    return one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 3


@pytest.mark.parametrize("format_", bombs.FORMATS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_picture_in_any_format_is_gray_array(format_, mode):
    (page,) = pages(draw.file(CORNERS.convert(mode), format_))

    assert page.dtype == np.uint8
    assert nearly(page, np.asarray(CORNERS))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_picture_is_turned_upright_by_exif(orientation, format_):
    turned = {
        1: CORNERS,
        2: CORNERS.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: CORNERS.transpose(Image.Transpose.ROTATE_180),
        4: CORNERS.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: CORNERS.transpose(Image.Transpose.TRANSPOSE),
        6: CORNERS.transpose(Image.Transpose.ROTATE_90),
        7: CORNERS.transpose(Image.Transpose.TRANSVERSE),
        8: CORNERS.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x112] = orientation

    (page,) = pages(draw.file(turned, format_, exif=exif))

    assert nearly(page, np.asarray(CORNERS))


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 99]
)
def test_picture_with_damaged_exif_is_not_rotated(exif):
    (page,) = pages(draw.file(CORNERS, "JPEG", exif=exif))

    assert nearly(page, np.asarray(CORNERS))


def test_transparent_background_is_white():
    ink = Image.merge("LA", (Image.new("L", (60, 60), 0), Image.new("L", (60, 60), 0)))
    ink.paste((0, 255), (20, 20, 40, 40))

    (page,) = pages(draw.file(ink))

    assert page[5, 5] == 255
    assert page[30, 30] == 0


def test_white_ink_on_transparent_is_on_black():
    ink = Image.merge("LA", (Image.new("L", (60, 60), 255), Image.new("L", (60, 60), 0)))
    ink.paste((255, 255), (20, 20, 40, 40))

    (page,) = pages(draw.file(ink))

    assert page[5, 5] == 0
    assert page[30, 30] == 255


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(np.asarray(CORNERS).astype(np.uint16) * 257),
        CORNERS.convert("RGBA"),
        CORNERS.convert("RGB").quantize(256),
        CORNERS.convert("LA"),
    ],
    ids=lambda image: image.mode,
)
def test_png_of_any_kind_is_gray(image):
    (page,) = pages(draw.file(image))

    assert nearly(page, np.asarray(CORNERS))


def test_cmyk_jpeg_is_gray():
    (page,) = pages(draw.file(CORNERS.convert("CMYK"), "JPEG"))

    assert nearly(page, np.asarray(CORNERS))


def test_only_first_frame_is_read():
    first = draw.file(CORNERS, "WEBP", lossless=True, save_all=True, append_images=[Image.new("L", CORNERS.size)])

    (page,) = pages(first)

    assert nearly(page, np.asarray(CORNERS))


def test_pdf_renders_every_page():
    sheets = [Image.new("L", (600, 800), shade) for shade in (0, 80, 160, 240)]

    drawn = pages(draw.file(sheets[0], "PDF", save_all=True, append_images=sheets[1:], resolution=100))

    assert [page.shape for page in drawn] == [(1200, 901)] * 4
    assert [int(page[600, 450]) for page in drawn] == [0, 80, 160, 240]


def test_transparent_picture_is_shown_on_white_and_black():
    ink = Image.merge("LA", (Image.new("L", (60, 60), 255), Image.new("L", (60, 60), 0)))
    ink.paste((255, 255), (10, 10, 20, 20))
    ink.paste((90, 255), (30, 30, 40, 40))

    on_white, on_black = pages(draw.file(ink))

    assert (on_white[5, 5], on_white[15, 15], on_white[35, 35]) == (255, 255, 90)
    assert (on_black[5, 5], on_black[15, 15], on_black[35, 35]) == (0, 255, 90)


@pytest.mark.parametrize(
    ("format_", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("HEIF", {})]
)
def test_picture_of_50_megapixels_is_reduced(format_, options):
    large = Image.new("L", (8192, 6144), 80).convert("RGB")

    (page,) = pages(draw.file(large, format_, **options))

    assert page.shape == (3072, 4096)
    assert abs(int(page[1000, 1000]) - 80) <= 1


def test_page_of_any_size_is_rendered_within_limits():
    (page,) = pages(bombs.huge_page())

    assert max(page.shape) <= picture.PDF_LONGEST


@pytest.mark.parametrize("format_", bombs.FORMATS)
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_truncated_file_is_unreadable(format_, part):
    whole = draw.file(draw.noisy(draw.photo(draw.qr(), size=(400, 300)), 20), format_)

    with pytest.raises(PictureUnreadable):
        pages(whole[: int(len(whole) * part)])


@pytest.mark.parametrize(
    "data",
    [
        bombs.inconsistent_heif(3000, 3000),
        bombs.png(100, 100, data=b"nothing packed"),
        bombs.png(100, 100, colour=9),
        bombs.png(100, 100, bits=99),
        bombs.text_bomb(),
        bombs.profile_bomb(),
        b"%PDF-1.4\nnothing",
        b"\xff\xd8\xff\xe0" + bombs.huge_page(),
        draw.file(CORNERS, "JPEG")[:-2].replace(b"\xff\xda", b"\xff\xd9"),
    ],
    ids=[
        "heif",
        "png data",
        "png colour",
        "png bits",
        "png text",
        "png profile",
        "pdf",
        "polyglot",
        "jpeg end",
    ],
)
def test_inconsistent_file_is_unreadable(data):
    with pytest.raises(PictureUnreadable):
        pages(data)


def test_picture_larger_than_its_boxes_respects_limits():
    try:
        (page,) = pages(bombs.inconsistent_heif(16, 16), Limits(pixels=10_000))
        assert page.size <= 10_000
    except (PictureUnreadable, PictureTooLarge) as problem:
        assert str(problem)  # noqa: PT017 - a refusal is fine too


@pytest.mark.parametrize("bomb", [bombs.animated_png, bombs.animated_webp, bombs.exif_bomb])
def test_oversized_metadata_is_ignored(bomb):
    (page,) = pages(bomb())

    assert max(page.shape) < 1000


def test_exif_reader_reads_only_orientation():
    entries = b"".join(struct.pack("<HHII", 0x10F, 2, 60_000, 8) for _ in range(3))
    tag = struct.pack("<HHIHH", 0x112, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4) + entries + tag

    (page,) = pages(draw.file(CORNERS, "PNG", exif=exif))

    assert page.shape == CORNERS.size
