"""What a card says, in which colours and size, and what its file is called."""

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

# Whoever changes a drawing raises this: cards made before are then made anew.
DRAWING = 1


class Size(StrEnum):
    """What a card is for."""

    MESSENGER = "messenger"
    STORY = "story"
    BUSINESS = "business"
    LEAFLET = "leaflet"


class Kind(StrEnum):
    """A card's file format."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


MEDIA_TYPES = {Kind.PNG: "image/png", Kind.SVG: "image/svg+xml", Kind.PDF: "application/pdf"}
PRINT_DPI = 300


class Paper(NamedTuple):
    """A card's size in its own unit: pixels where it is looked at, millimetres where it is printed."""

    width: float
    height: float
    unit: str
    dots: float  # pixels of a unit in a PNG
    points: float  # of a unit in a PDF, 72 to the inch


_PIXEL = ("px", 1.0, 72 / PRINT_DPI)
_MILLIMETRE = ("mm", PRINT_DPI / 25.4, 72 / 25.4)
PAPERS = {
    Size.MESSENGER: Paper(1080, 1080, *_PIXEL),
    Size.STORY: Paper(1080, 1920, *_PIXEL),
    Size.BUSINESS: Paper(85, 55, *_MILLIMETRE),  # ISO/IEC 7810 ID-1, as printers here cut it
    Size.LEAFLET: Paper(148, 210, *_MILLIMETRE),  # ISO 216, A5
}


class Look(msgspec.Struct, frozen=True):
    """A brand's colours as #RRGGBB, and its logo as a PNG."""

    background: str = "#F4F2EC"
    ink: str = "#16211C"
    accent: str = "#0A6B3D"
    logo: bytes = b""


class Card(msgspec.Struct, frozen=True):
    """All that stands on a card. `link` is what the QR code says; empty texts are left out."""

    link: str
    code: str
    offer: str
    brand: str
    until: str = ""
    hint: str = ""
    nickname: str = ""
    label: str = ""
    look: Look = Look()


def fingerprint(card: Card, size: Size, kind: Kind) -> str:
    """A name for a card's bytes: the same for all that look the same, and for nothing else."""
    content = msgspec.msgpack.encode([DRAWING, size, kind, card])
    return hashlib.blake2b(content, digest_size=20).hexdigest()
