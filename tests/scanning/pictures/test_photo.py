"""Stored photos: small, upright, and without the camera's metadata."""

import io
import random

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from scanning.pictures import photo
from scanning.pictures.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported

MOSCOW = {1: "N", 2: (55.0, 45.0, 7.0), 3: "E", 4: (37.0, 36.0, 56.0)}
SECRETS = (b"Exif", b"GPS", b"Phone", b"Moscow", b"xmp", b"ICC_PROFILE", b"Ivan")


def phone_photo(size=(300, 200), orientation=1, format_="JPEG", **fields):
    """A picture with a black upper left quarter and the metadata of a phone."""
    image = Image.new("RGB", size, "white")
    image.paste("black", (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Phone Maker", "Phone 7 of Ivan"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(MOSCOW)
    out = io.BytesIO()
    image.save(out, format_, exif=exif, **fields)
    return out.getvalue()


def opened(jpeg):
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    return image


def segments(jpeg):
    """The kinds of segments before the image data."""
    place, found = 2, []
    while jpeg[place + 1] != 0xDA:
        found.append(jpeg[place + 1])
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return found


def test_location_is_removed_from_photo():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    before = phone_photo(comment=b"Moscow, Ivan", xmp=b"<x:xmpmeta>Moscow</x:xmpmeta>", icc_profile=profile)

    after = photo.clean(before)

    assert all(word in before for word in (b"Exif", b"Phone", b"Moscow", b"ICC_PROFILE"))
    assert not [word for word in SECRETS if word.lower() in after.lower()]
    # JFIF header, tables and the frame: no APP1 to APP15, no comment.
    assert set(segments(after)) <= {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDD}
    assert not opened(after).getexif()


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "HEIF", "AVIF"])
def test_other_formats_become_jpeg_without_metadata(format_):
    after = photo.clean(phone_photo(format_=format_))

    assert opened(after).format == "JPEG"
    assert opened(after).size == (300, 200)
    assert not [word for word in SECRETS if word.lower() in after.lower()]


def test_texts_of_png_are_removed():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ivan")
    out = io.BytesIO()
    Image.new("RGB", (50, 50), "white").save(out, "PNG", pnginfo=texts)

    assert b"Ivan" not in photo.clean(out.getvalue())


def test_rotated_photo_is_turned_upright():
    turned = opened(photo.clean(phone_photo(orientation=6))).convert("L")

    assert turned.size == (200, 300)
    assert turned.getpixel((150, 20)) < 50 < 200 < turned.getpixel((20, 20))


@pytest.mark.parametrize(
    ("size", "wanted"), [((4000, 3000), (2000, 1500)), ((900, 5000), (360, 2000)), ((7, 5), (7, 5))]
)
def test_photo_is_reduced_to_2000_pixels(size, wanted):
    assert opened(photo.clean(phone_photo(size))).size == wanted


def test_transparency_becomes_white_and_depth_eight_bits():
    glass, deep = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(glass, "PNG")
    Image.fromarray(np.full((20, 20), 128 << 8, np.uint16)).save(deep, "PNG")

    assert opened(photo.clean(glass.getvalue())).convert("L").getpixel((9, 9)) == 255
    assert abs(opened(photo.clean(deep.getvalue())).convert("L").getpixel((9, 9)) - 128) <= 1


def test_noisy_photo_is_under_a_megabyte():
    noise = np.frombuffer(random.Random(4).randbytes(2000 * 2000 * 3), np.uint8).reshape(2000, 2000, 3)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=80)

    assert len(photo.clean(out.getvalue())) <= photo.MOST_BYTES < len(out.getvalue())


def test_pdf_pages_are_stacked_vertically():
    out = io.BytesIO()
    pages = [Image.new("RGB", (200, 300), colour) for colour in ("white", "black")]
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:])

    sheet = opened(photo.clean(out.getvalue())).convert("L")

    assert sheet.height == 2000
    assert sheet.getpixel((sheet.width // 2, 500)) > 250 > 5 > sheet.getpixel((sheet.width // 2, 1500))


def test_invalid_photo_has_error_code():
    whole = phone_photo((900, 900))

    with pytest.raises(PictureUnreadable):
        photo.clean(whole[: len(whole) // 2])
    with pytest.raises(PictureUnsupported):
        photo.clean(b"no picture at all, only words of some length")
    with pytest.raises(PictureTooLarge):
        photo.clean(whole, Limits(pixels=1000))
