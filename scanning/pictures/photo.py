"""Cleans a photo for storage: upright, small, and without metadata. Runs in the same process as `picture`."""

import io
import warnings
from itertools import product

import numpy as np
import pypdfium2
from PIL import Image, ImageStat

from scanning.pictures.header import Format, Limits, inspect, require_size
from scanning.pictures.picture import DAMAGE, FULL_SIZE_PIXELS, OPAQUE, min_value, upright
from scanning.problem import PictureUnreadable, Problem

LONGEST = 2000  # pixels of the longer side
PDF_PAGES = 3
LIGHT = 170  # of 255: a lighter average is shown on black
MOST_BYTES = 1_000_000
QUALITIES = (80, 60, 40)
SMALLER = (1, 2, 4)


def clean(data: bytes, limits: Limits = Limits()) -> bytes:  # noqa: B008 - a tuple of numbers
    """The picture as a JPEG of at most 2,000 pixels a side and a megabyte, with no metadata: those of a phone name the
    place and the phone. Of a PDF the first pages, one below the other.

    Raises PictureTooLarge, PictureUnsupported, PictureUnreadable.
    """
    header = inspect(data, limits)
    try:
        return _encode_jpeg(_render_pdf(data) if header.format == "pdf" else _open_picture(data, header.format, limits))
    except Problem:
        raise
    except MemoryError as error:
        raise PictureUnreadable("the picture takes too much memory") from error
    except DAMAGE as error:
        raise PictureUnreadable(f"the {header.format} file is damaged: {type(error).__name__}") from error


def _open_picture(data: bytes, format_: Format, limits: Limits) -> Image.Image:
    # Warnings are about odd metadata; what matters is raised.
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=[format_.upper()]) as image:
        # Checked again: the codec may find another size than the header has.
        require_size(*image.size, limits)
        if format_ == "jpeg":
            image.draft("RGB", (LONGEST, LONGEST))  # the codec itself leaves out what is not needed
        image.load()
        exif = image.info.get("exif") or b""
        return upright(_reduce_size(_to_colour(image)), exif)


def _to_colour(image: Image.Image) -> Image.Image:
    """The colours, on white where they are transparent, or on black if they are light."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGB", "RGBA") and image.width * image.height > FULL_SIZE_PIXELS:
        image = image.reduce(2)  # the steps below take a multiple of its memory
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    sheet = Image.new("RGB", image.size, "black" if _is_light_on_transparent(image, alpha) else "white")
    sheet.paste(image, mask=alpha)
    return sheet


def _is_light_on_transparent(image: Image.Image, alpha: Image.Image) -> bool:
    ink = alpha.point(lambda value: 255 if value >= OPAQUE else 0)
    if min_value(alpha) >= OPAQUE or ink.getbbox() is None:
        return False
    return ImageStat.Stat(image.convert("L"), mask=ink).mean[0] > LIGHT


def _render_pdf(data: bytes) -> Image.Image:
    with pypdfium2.PdfDocument(data) as document:
        if len(document) == 0:
            raise PictureUnreadable("the PDF has no page")
        pages = [_render_page(document[number]) for number in range(min(len(document), PDF_PAGES))]
    sheet = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), "white")
    top = 0
    for page in pages:
        sheet.paste(page, (0, top))
        top += page.height
    return _reduce_size(sheet)


def _render_page(page: pypdfium2.PdfPage) -> Image.Image:
    bitmap = page.render(scale=LONGEST / max(*page.get_size(), 1))
    try:
        found: Image.Image = bitmap.to_pil().convert("RGB")  # a copy: the bitmap's memory goes with it
        return found.copy()
    finally:
        bitmap.close()
        page.close()


def _reduce_size(image: Image.Image) -> Image.Image:
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _encode_jpeg(image: Image.Image) -> bytes:
    """The pixels alone, as well as a megabyte allows."""
    image.info.clear()  # a comment would be written again
    for smaller, quality in product(SMALLER, QUALITIES):
        out = io.BytesIO()
        size = max(image.width // smaller, 1), max(image.height // smaller, 1)
        (image if smaller == 1 else image.resize(size)).save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MOST_BYTES:
            return out.getvalue()
    raise PictureUnreadable("the picture cannot be made small")
