"""The typeface of what we print: PT Sans, which has Cyrillic, measured and loaded from its package.

reportlab's and Pillow's own typefaces have no Cyrillic, and what a server has installed is anybody's guess.
"""

from functools import cache, lru_cache
from importlib import resources

from PIL import ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

REGULAR = "PTSans"
BOLD = "PTSans-Bold"
UNBREAKABLE = "\u2007\u202f"
FILES = {REGULAR: "PT_Sans-Web-Regular.ttf", BOLD: "PT_Sans-Web-Bold.ttf"}


@cache
def outlines(font: str) -> TTFont:
    """The typeface for reportlab, registered under its name."""
    face = TTFont(font, _font_path(font))
    pdfmetrics.registerFont(face)
    return face


def print_to_scale(canvas: Canvas) -> None:
    """Ask the print dialogue not to scale the page (PDF 32000-1, 12.2): labels must meet their sheet."""
    canvas.setViewerPreference("PrintScaling", "None")


@lru_cache(maxsize=64)
def pixels(font: str, size: int) -> ImageFont.FreeTypeFont:
    """The typeface for Pillow, `size` in pixels; laid out by the basic engine, which every Pillow has."""
    return ImageFont.truetype(_font_path(font), size, layout_engine=ImageFont.Layout.BASIC)


def width(text: str, font: str, size: float) -> float:
    """How wide a text is, in the unit of `size`."""
    return float(outlines(font).stringWidth(text, size))


def missing(text: str) -> list[str]:
    """Signs that the typeface lacks, each once, in order."""
    known = outlines(REGULAR).face.charToGlyph
    return [sign for sign in dict.fromkeys(text) if ord(sign) not in known]


@lru_cache(maxsize=1024)  # tables repeat their texts
def printable(text: str) -> str:
    """A text in signs that the typeface has: spaces that it lacks become those that it has, which hold together where
    those of dates and sums did, and emoji, which stand in many a nickname, go."""
    unknown = set(missing(text))
    return "".join(_replacement_sign(sign) if sign in unknown else sign for sign in text)


def _replacement_sign(sign: str) -> str:
    if sign in UNBREAKABLE:
        return "\xa0"
    return " " if sign.isspace() else ""


def _font_path(font: str) -> str:
    return str(resources.files("fontpkg_pt_sans") / "files" / FILES[font])
