import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.pictures import header
from scanning.pictures.header import Header, Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported, Problem
from tests.scanning.pictures import bombs, draw

PICTURE = draw.photo(draw.qr(), size=(640, 480))
SEEDS = [draw.file(PICTURE.convert("RGB"), format_) for format_ in (*bombs.FORMATS, "PDF")]


@pytest.mark.parametrize(
    ("format_", "options", "named"),
    [
        ("JPEG", {}, "jpeg"),
        ("JPEG", {"progressive": True}, "jpeg"),
        ("PNG", {}, "png"),
        ("WEBP", {}, "webp"),
        ("WEBP", {"lossless": True}, "webp"),
        ("WEBP", {"save_all": True, "append_images": [PICTURE]}, "webp"),
        ("HEIF", {}, "heif"),
        ("AVIF", {}, "avif"),
    ],
)
def test_kind_and_size_are_read_from_header(format_, options, named):
    assert header.inspect(draw.file(PICTURE, format_, **options)) == Header(named, 640, 480)


def test_pdf_has_no_size():
    assert header.inspect(draw.file(PICTURE, "PDF")) == Header("pdf", 0, 0)


@pytest.mark.parametrize("data", bombs.disguised_files())
def test_non_picture_is_unsupported(data):
    with pytest.raises(PictureUnsupported):
        header.inspect(data)


@pytest.mark.parametrize("seed", SEEDS[:5], ids=bombs.FORMATS)
def test_file_truncated_before_size_is_unreadable(seed):
    with pytest.raises(PictureUnreadable):
        header.inspect(seed[:20])


@pytest.mark.parametrize(
    ("width", "height"), [(50_000, 50_000), (12_001, 10), (10, 12_001), (10_000, 7000), (2**31 - 1, 1)]
)
def test_picture_over_limits_is_refused_by_header(width, height):
    with pytest.raises(PictureTooLarge):
        header.inspect(bombs.png(width, height, data=b"x"))


@pytest.mark.parametrize(("width", "height"), [(5712, 4284), (8064, 6048), (8192, 6144), (9248, 6936)])
def test_default_limits_accept_photos_of_phones(width, height):
    assert header.inspect(bombs.png(width, height, data=b"x")) == Header("png", width, height)


def _webp(width, height):
    return b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"".join((side - 1).to_bytes(3, "little") for side in (width, height))


def test_webp_over_decoder_memory_is_refused():
    assert header.inspect(_webp(5712, 4284)) == Header("webp", 5712, 4284)
    with pytest.raises(PictureTooLarge):
        header.inspect(_webp(8192, 6144))


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_picture_of_zero_size_is_unreadable(width, height):
    with pytest.raises(PictureUnreadable):
        header.inspect(bombs.png(width, height, data=b"x"))


def test_limits_are_those_of_caller():
    with pytest.raises(PictureTooLarge):
        header.inspect(SEEDS[0], Limits(pixels=640 * 480 - 1))
    with pytest.raises(PictureTooLarge):
        header.inspect(SEEDS[0], Limits(side=639))
    with pytest.raises(PictureTooLarge):
        header.inspect(SEEDS[0], Limits(bytes=len(SEEDS[0]) - 1))


HEIF = b"\x00\x00\x00\x18ftypheic" + bytes(12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bytes(100 * 2**20),
        lambda: b" " * (8 * 2**20),
        lambda: b"\xff\xd8" + b"\xff" * (8 * 2**20 - 2),
        lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * (2 * 2**20 - 1),
        lambda: b"\xff\xd8" + b"\xff\xe1\x00\x00" * (2 * 2**20 - 1),
        lambda: HEIF + b"\x00\x00\x00\x08free" * (2**20 - 3),
        lambda: HEIF + b"\x00\x00\x00\x01free" + b"\xff" * 8,
        lambda: HEIF + b"\x00\x00\x00\x00meta" + bytes(8 * 2**20 - 100),
        lambda: HEIF + b"\x00\x00\x00\x01meta" + bytes(100),
        bombs.huge_png,
        lambda: bombs.inconsistent_heif(50_000, 50_000),
        lambda: bombs.inconsistent_jpeg(65_535, 65_535),
    ],
)
def test_hostile_header_is_refused_quickly(make):
    data = make()
    start = time.perf_counter()

    with pytest.raises(Problem):
        header.inspect(data)

    assert time.perf_counter() - start < 0.2


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=8)), max_size=6))
def test_damaged_header_is_read_or_refused(seed, blows):
    data = bytearray(seed)
    for place, bytes_ in blows:
        data[place : place + len(bytes_)] = bytes_

    try:
        found = header.inspect(bytes(data))
        assert found.format == "pdf" or 0 < found.width * found.height <= Limits().pixels
    except Problem as problem:
        assert str(problem)  # noqa: PT017 - the only exception that may be raised
