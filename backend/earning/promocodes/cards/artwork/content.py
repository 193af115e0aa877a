"""The content of a card, its colours and sizes, and the name of its file."""

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

# Increase this with each change of the drawing, so that stored cards are drawn again.
DRAWING_VERSION = 2


class CardSize(StrEnum):
    """What a card is for."""

    MESSENGER = "messenger"
    STORY = "story"
    BUSINESS = "business"
    LEAFLET = "leaflet"


class CardFormat(StrEnum):
    """A card's file format."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


MEDIA_TYPES = {CardFormat.PNG: "image/png", CardFormat.SVG: "image/svg+xml", CardFormat.PDF: "application/pdf"}
PRINT_DPI = 300


class Paper(NamedTuple):
    """A card's size in its own unit: pixels for screens, millimetres for print."""

    width: float
    height: float
    unit: str
    dots: float  # pixels of a unit in a PNG
    points: float  # of a unit in a PDF, 72 to the inch


_PIXEL = ("px", 1.0, 72 / PRINT_DPI)
_MILLIMETRE = ("mm", PRINT_DPI / 25.4, 72 / 25.4)
PAPERS = {
    CardSize.MESSENGER: Paper(1080, 1080, *_PIXEL),
    CardSize.STORY: Paper(1080, 1920, *_PIXEL),
    CardSize.BUSINESS: Paper(85, 55, *_MILLIMETRE),  # ISO/IEC 7810 ID-1, as printers here cut it
    CardSize.LEAFLET: Paper(148, 210, *_MILLIMETRE),  # ISO 216, A5
}


class CardStyle(msgspec.Struct, frozen=True):
    """A brand's colours as #RRGGBB, and its logo as a PNG."""

    background: str = "#F4F2EC"
    ink: str = "#16211C"
    accent: str = "#0A6B3D"
    logo: bytes = b""


class Card(msgspec.Struct, frozen=True):
    """The texts and style of a card. `link` is the content of the QR code; empty texts are left out."""

    link: str
    code: str
    offer: str
    brand: str
    until: str = ""
    hint: str = ""
    nickname: str = ""
    label: str = ""
    # The encoded name is part of the fingerprint, so of the names of stored cards.
    style: CardStyle = msgspec.field(default=CardStyle(), name="look")


def fingerprint(card: Card, size: CardSize, kind: CardFormat) -> str:
    """A hash of everything that a card's bytes depend on."""
    content = msgspec.msgpack.encode([DRAWING_VERSION, size, kind, card])
    return hashlib.blake2b(content, digest_size=20).hexdigest()
