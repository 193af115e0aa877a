"""The format and size of a picture file from its first bytes, without opening it.

The web process reads this before it passes a file on, so no codec is called: Pillow's own opening sets
up the decoders of libwebp, libheif and libavif and unpacks compressed text and colour profiles, which is
where pictures have broken out before. Here only numbers are read, in a bounded number of steps and no memory.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported

Format = Literal["jpeg", "png", "webp", "heif", "avif", "pdf"]
Size = tuple[int, int]

MOST_STEPS = 1000  # segments or boxes before the size must have come
# Pillow decodes WebP into three copies of four bytes a pixel, and cannot reduce it: 400 MB.
WEBP_PIXELS = 32_000_000


class Limits(NamedTuple):
    """How large a picture may be."""

    bytes: int = 20 * 2**20
    pixels: int = 66_000_000  # phones' photos of 24, 50 and 64 megapixels: 5712 x 4284, 8192 x 6144, 9248 x 6936
    side: int = 12_000  # pixels


class Header(NamedTuple):
    """A file's kind and its size in pixels; zero for a PDF, whose pages are rendered at our own size."""

    format: Format
    width: int
    height: int


def inspect(data: bytes, limits: Limits = Limits()) -> Header:  # noqa: B008 - a tuple of numbers
    """The kind and size of a picture.

    Raises PictureTooLarge over a limit, PictureUnsupported for another kind of file, PictureUnreadable where
    the size is missing or nonsense.
    """
    if len(data) > limits.bytes:
        raise PictureTooLarge(f"the file has {len(data)} bytes, at most {limits.bytes} are read")
    format_ = _detect_format(data)
    if format_ == "pdf":
        return Header(format_, 0, 0)
    try:
        width, height = _SIZES[format_](data)
    except (struct.error, IndexError) as error:
        raise PictureUnreadable("the file ends before its size") from error
    if format_ == "webp":
        limits = limits._replace(pixels=min(limits.pixels, WEBP_PIXELS))
    require_size(width, height, limits)
    return Header(format_, width, height)


def require_size(width: int, height: int, limits: Limits) -> None:
    """Raise PictureTooLarge, or PictureUnreadable if there is no picture at all."""
    if width < 1 or height < 1:
        raise PictureUnreadable(f"the picture is {width} x {height} pixels")
    if max(width, height) > limits.side or width * height > limits.pixels:
        raise PictureTooLarge(f"the picture is {width} x {height}, at most {limits.pixels} pixels are read")


def _detect_format(data: bytes) -> Format:
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _format_of_brands(data)
    if data[:64].lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"%PDF-"):
        return "pdf"
    raise PictureUnsupported("the file is no JPEG, PNG, WebP, HEIC, AVIF or PDF")


def _format_of_brands(data: bytes) -> Format:
    """HEIF or AVIF by the brands of the file type box (ISO/IEC 14496-12, 4.3)."""
    length = min(int.from_bytes(data[:4]), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, length, 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "heif"
    raise PictureUnsupported("the file holds something else than a picture")


def _png_size(data: bytes) -> Size:
    """The header chunk, which must come first (ISO/IEC 15948, 11.2.2)."""
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if length != 13 or kind != b"IHDR":
        raise PictureUnreadable("the PNG does not open with its header")
    return width, height


def _jpeg_size(data: bytes) -> Size:
    """The first frame header, SOF0 to SOF15 (ITU-T T.81, annex B.2.2)."""
    start = 2
    for _ in range(MOST_STEPS):
        if data[start] != 0xFF:
            raise PictureUnreadable("the JPEG has no marker where one is required")
        marker = data[start + 1]
        if marker == 0xFF:  # padding
            start += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, start + 5)
            return width, height
        if marker in (0xD9, 0xDA):
            break
        start += 2
        if not (marker == 0x01 or 0xD0 <= marker <= 0xD8):
            start += max(struct.unpack_from(">H", data, start)[0], 2)
    raise PictureUnreadable("the JPEG has no size")


def _webp_size(data: bytes) -> Size:
    """The canvas of an extended file, or the frame header of the only picture (RFC 9649, 2.5 to 2.7)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise PictureUnreadable("the WebP has no frame header where one is required")


def _heif_size(data: bytes) -> Size:
    """The longest sides of all pictures in the file, tiles and preview too (ISO/IEC 23008-12, 6.5.3)."""
    place = (0, len(data))
    for wanted, skipped in ((b"meta", 0), (b"iprp", 4), (b"ipco", 0)):
        inside = next(_find_boxes(data, place[0] + skipped, place[1], wanted), None)
        if inside is None:
            raise PictureUnreadable(f"the file has no {wanted.decode()} box")
        place = inside
    sizes = [struct.unpack_from(">II", data, start + 4) for start, _ in _find_boxes(data, *place, b"ispe")]
    if not sizes:
        raise PictureUnreadable("the file has no size of its picture")
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _find_boxes(data: bytes, start: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of the wanted boxes begin and end (ISO/IEC 14496-12, 4.2)."""
    for _ in range(MOST_STEPS):
        if start + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = start + length if length else end
        if stop > end or stop < start + head:
            raise PictureUnreadable("a box is longer than what holds it")
        if kind == wanted:
            yield start + head, stop
        start = stop


_SIZES: dict[Format, Callable[[bytes], Size]] = {
    "jpeg": _jpeg_size,
    "png": _png_size,
    "webp": _webp_size,
    "heif": _heif_size,
    "avif": _heif_size,
}
