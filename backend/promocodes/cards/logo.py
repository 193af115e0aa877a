"""A brand's logo: taken in as a PNG, made small, and written anew so that nothing else travels in it."""

import io
import struct
import zlib

from PIL import Image

from scanning import header
from scanning.header import Limits
from scanning.problem import Problem

MOST_BYTES = 1 << 20
LIMITS = Limits(bytes=MOST_BYTES, pixels=4_000_000, side=4000)
LARGEST = (800, 300)  # pixels: what the largest card shows of it
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


class LogoUnreadable(ValueError):
    """No PNG of at most 4 megapixels and 1 MiB."""


def clean(content: bytes) -> bytes:
    """A logo as we keep it: a PNG with transparency and without comments. Some 0.1 s of work.

    The header is judged before anything is unpacked, and only Pillow's own reader of PNG may see the file.

    Raises:
        LogoUnreadable: it is not, or it is damaged.
    """
    try:
        if header.inspect(content, LIMITS).format != "png":
            raise LogoUnreadable("another kind of picture")
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            logo = opened.convert("RGBA")
    except Problem as error:
        raise LogoUnreadable(str(error)) from error
    except _DAMAGE as error:
        raise LogoUnreadable(f"the file is damaged: {type(error).__name__}") from error
    logo.thumbnail(LARGEST, Image.Resampling.LANCZOS)
    made = io.BytesIO()
    logo.save(made, format="PNG", optimize=True)
    return made.getvalue()
