"""Opening a picture that may be hostile, as a gray array. Runs in a process of its own: see `child.py`."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pillow_heif
import pypdfium2
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image

from scanning.pictures.header import Format, Limits, inspect, require_size
from scanning.problem import PictureUnreadable, Problem

Gray = NDArray[np.uint8]

EXIF_ENTRIES = 200  # cameras write some twenty
# A larger picture is read at half its width and height: 50 megapixels as 12, in a quarter of the time.
# Phones' 24 megapixels (5712 x 4284) are read in full.
FULL_SIZE_PIXELS = 26_000_000
OPAQUE = 128  # of 255: alpha from here on counts as opaque
PDF_DPI = 150
PDF_LONGEST = 4000  # pixels; a file of one kilobyte may ask for a page of 70 metres

# One thread each: the threads of a codec count against the memory that a process may have.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What codecs raise at a damaged file; there is no class above these.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Sheet(NamedTuple):
    """A page to read codes from, in gray. A picture has page 1 only, or page 1 twice: on white and on black."""

    page: int
    gray: Gray


def sheets(data: bytes, limits: Limits = Limits()) -> Iterator[Sheet]:  # noqa: B008 - a tuple of numbers
    """The picture, or the pages of a PDF one after another: upright, in gray.

    Transparency is shown on white and on black. Of an animation the first frame counts. Raises PictureTooLarge,
    PictureUnsupported, PictureUnreadable.
    """
    header = inspect(data, limits)
    try:
        if header.format == "pdf":
            yield from _pdf_pages(data)
        else:
            yield from (Sheet(1, gray) for gray in _open_grays(data, header.format, limits))
    except Problem:
        raise
    except MemoryError as error:
        raise PictureUnreadable("the picture takes too much memory") from error
    except DAMAGE as error:
        raise PictureUnreadable(f"the {header.format} file is damaged: {type(error).__name__}") from error


def _open_grays(data: bytes, format_: Format, limits: Limits) -> list[Gray]:
    # Warnings are about odd metadata; what matters is raised.
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=[format_.upper()]) as image:
        # Checked again: the codec may find another size than the header has.
        require_size(*image.size, limits)
        if format_ == "jpeg":
            factor = 2 if image.width * image.height > FULL_SIZE_PIXELS else 1
            # The decoder skips the colours, and the details that a reduced picture has not.
            image.draft("L", (image.width // factor, image.height // factor))
        image.load()
        exif = image.info.get("exif") or b""
        return [np.array(upright(gray, exif)) for gray in _gray_variants(image)]


def upright(image: Image.Image, exif: bytes) -> Image.Image:
    """The picture upright, by the orientation in its EXIF data."""
    transposition = _UPRIGHT.get(_read_orientation(exif))
    return image.transpose(transposition) if transposition is not None else image


def _read_orientation(exif: bytes) -> int:
    """How the camera was held: 1 upright, and that too where the tag is missing or damaged.

    The first directory of a TIFF file (TIFF 6.0, section 2) is searched for the one tag. Pillow would load every
    value that any entry claims to have: thousands of entries can share the same bytes and fill the memory.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = "<" if tiff.startswith(b"II") else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(min(entries, EXIF_ENTRIES)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * number)
            if tag == ExifTags.Base.Orientation:
                return int(value)
    except struct.error:
        pass
    return 1


def _gray_variants(image: Image.Image) -> list[Image.Image]:
    """The picture in gray; with transparent parts on white and on black, without blank ones."""
    if image.mode.startswith("I;16"):
        return [_reduce_size(Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)))]
    if not image.has_transparency_data:
        return [_reduce_size(image.convert("L"))]
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha, ink = _reduce_size(image.getchannel("A")), _reduce_size(image.convert("L"))
    on_white = Image.composite(ink, Image.new("L", ink.size, 255), alpha)
    if min_value(alpha) >= OPAQUE:
        return [on_white]
    on_black = Image.composite(ink, Image.new("L", ink.size, 0), alpha)
    return [gray for gray in (on_white, on_black) if not _is_blank(gray)] or [on_white]


def min_value(channel: Image.Image) -> float:
    """The minimum of a channel."""
    return float(np.asarray(channel).min())


def _is_blank(gray: Image.Image) -> bool:
    darkest, lightest = gray.getextrema()
    return darkest == lightest


def _reduce_size(gray: Image.Image) -> Image.Image:
    return gray.reduce(2) if gray.width * gray.height > FULL_SIZE_PIXELS else gray


def _pdf_pages(data: bytes) -> Iterator[Sheet]:
    with pypdfium2.PdfDocument(data) as document:
        if len(document) == 0:
            raise PictureUnreadable("the PDF has no page")
        for number in range(len(document)):
            yield Sheet(number + 1, _pdf_page(document[number]))


def _pdf_page(page: pypdfium2.PdfPage) -> Gray:
    scale = min(PDF_DPI / 72, PDF_LONGEST / max(*page.get_size(), 1))
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        rows = bitmap.to_numpy()
        return np.array(rows.reshape(rows.shape[:2]))  # a copy: the bitmap's memory goes with it
    finally:
        bitmap.close()
        page.close()
