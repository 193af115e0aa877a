"""A brand's logo: a PNG, made small and re-encoded so that it carries no other data."""

import io
import struct
import zlib

from PIL import Image

from scanning.pictures import header
from scanning.pictures.header import Limits
from scanning.problem import Problem

MAX_BYTES = 1 << 20
LIMITS = Limits(bytes=MAX_BYTES, pixels=4_000_000, side=4000)
LARGEST = (800, 300)  # pixels, as on the largest card
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


class LogoUnreadable(ValueError):
    """No PNG of at most 4 megapixels and 1 MiB."""


def reencode_logo(content: bytes) -> bytes:
    """Re-encode a logo as a PNG with transparency and without metadata. Takes about 0.1 s.

    The header is checked before anything is decompressed, and only Pillow's PNG reader opens the file.

    Raises:
        LogoUnreadable: it is not a PNG, too large, or damaged.
    """
    try:
        if header.inspect(content, LIMITS).format != "png":
            raise LogoUnreadable("not a PNG")
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            logo = opened.convert("RGBA")
    except Problem as error:
        raise LogoUnreadable(str(error)) from error
    except _DAMAGE as error:
        raise LogoUnreadable(f"the file is damaged: {type(error).__name__}") from error
    logo.thumbnail(LARGEST, Image.Resampling.LANCZOS)
    output = io.BytesIO()
    logo.save(output, format="PNG", optimize=True)
    return output.getvalue()
