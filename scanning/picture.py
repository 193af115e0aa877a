"""Opening a picture that may be hostile, as a gray array. Runs in a process of its own: see `child.py`."""

import io
import struct
import warnings
import zlib

import numpy as np
import pillow_heif
import pypdfium2
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image

from scanning.header import Format, Limits, inspect, require_size
from scanning.problem import PictureUnreadable, Problem

Gray = NDArray[np.uint8]

EXIF_ENTRIES = 200  # cameras write some twenty
PDF_PAGES = 3
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


def pages(data: bytes, limits: Limits = Limits()) -> list[Gray]:  # noqa: B008 - a tuple of numbers
    """The picture, or the first pages of a PDF, as the eye sees them: upright, in gray, on white.

    Of an animation the first frame counts. Raises PictureTooLarge, PictureUnsupported, PictureUnreadable.
    """
    header = inspect(data, limits)
    try:
        if header.format == "pdf":
            return _pdf_pages(data)
        return [_picture(data, header.format, limits)]
    except Problem:
        raise
    except MemoryError as error:
        raise PictureUnreadable("the picture takes too much memory") from error
    except DAMAGE as error:
        raise PictureUnreadable(f"the {header.format} file is damaged: {type(error).__name__}") from error


def _picture(data: bytes, format_: Format, limits: Limits) -> Gray:
    # Warnings are about odd metadata; what matters is raised.
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=[format_.upper()]) as image:
        # Once more, for the codec may have found another size than the header told us.
        require_size(*image.size, limits)
        if format_ == "jpeg":
            image.draft("L", image.size)  # the colours are not even decoded
        image.load()
        gray = _gray(image)
        return np.asarray(upright(gray, image.info.get("exif") or b""))


def upright(image: Image.Image, exif: bytes) -> Image.Image:
    """The picture as the eye sees it, by what its camera noted."""
    turn = _UPRIGHT.get(_orientation(exif))
    return image.transpose(turn) if turn is not None else image


def _orientation(exif: bytes) -> int:
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


def _gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L")
    image = image.convert("RGBA")
    alpha, ink = image.getchannel("A"), image.convert("L")
    gray = Image.composite(ink, Image.new("L", image.size, 255), alpha)
    low, high = gray.getextrema()
    if low == high:  # white on nothing, made for a dark screen
        gray = Image.composite(ink, Image.new("L", image.size, 0), alpha)
    return gray


def _pdf_pages(data: bytes) -> list[Gray]:
    with pypdfium2.PdfDocument(data) as document:
        if len(document) == 0:
            raise PictureUnreadable("the PDF has no page")
        return [_pdf_page(document[number]) for number in range(min(len(document), PDF_PAGES))]


def _pdf_page(page: pypdfium2.PdfPage) -> Gray:
    scale = min(PDF_DPI / 72, PDF_LONGEST / max(*page.get_size(), 1))
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        rows = bitmap.to_numpy()
        return np.array(rows.reshape(rows.shape[:2]))  # a copy: the bitmap's memory goes with it
    finally:
        bitmap.close()
        page.close()
