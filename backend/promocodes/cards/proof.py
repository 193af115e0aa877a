"""A card's file, made and read back: what does not read at a third of its size is drawn anew, and never served."""

import threading
from collections.abc import Sequence

import numpy as np
import pypdfium2
import structlog
import zxingcpp
from PIL import Image

from backend.promocodes.cards import layout, pdf, png, svg
from backend.promocodes.cards.content import PRINT_DPI, Card, Kind, Size
from backend.promocodes.cards.layout import ATTEMPTS, Attempt
from backend.promocodes.cards.shapes import Drawing
from backend.promocodes.cards.symbol import TextTooLong

SMALLER = 3
QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2])
# reportlab keeps its typefaces' subsets in one place, and PDFium is not made for threads.
_PDF = threading.Lock()

log = structlog.get_logger("scanback")


class CardUnreadable(RuntimeError):
    """No way of drawing this card can be read back; our own fault, or an address far too long."""


def make(card: Card, size: Size, kind: Kind, attempts: Sequence[Attempt] = ATTEMPTS) -> bytes:
    """A card that a phone will read; pure, and a second's work at the most, so not for the event loop.

    Raises:
        CardUnreadable: it could not be read back, whatever was tried.
    """
    for attempt in attempts:
        try:
            drawing = layout.draw(card, size, attempt)
        except TextTooLong:
            continue
        content, raster = _made(drawing, size, kind, card.code)
        if is_read(raster, card.link, _copies(size, kind)):
            return content
        log.warning("card_not_read_back", size=size, kind=kind, grade=attempt.grade, larger=attempt.larger)
    raise CardUnreadable(f"a {size} card as {kind} with an address of {len(card.link)} signs")


def is_read(raster: Image.Image, text: str, copies: int) -> bool:
    """Whether every QR code of a picture is read, in full size and at a third of it."""
    small = raster.resize((raster.width // SMALLER, raster.height // SMALLER), Image.Resampling.LANCZOS)
    return all(_texts(picture) == [text] * copies for picture in (raster, small))


def _texts(picture: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(np.asarray(picture.convert("L")), formats=QR)
    return [code.text for code in found]


def _copies(size: Size, kind: Kind) -> int:
    return pdf.ON_A_SHEET if (size, kind) == (Size.BUSINESS, Kind.PDF) else 1


def _made(drawing: Drawing, size: Size, kind: Kind, title: str) -> tuple[bytes, Image.Image]:
    """A file and how it looks.

    Nothing here draws an SVG: what is read back in its stead are the same modules at the same place as pixels, and a
    test draws the file in a browser.
    """
    if kind is Kind.PDF:
        return _made_pdf(drawing, size, title)
    picture = png.picture(drawing)
    return (png.encoded(picture) if kind is Kind.PNG else svg.file(drawing, title)), picture


def _made_pdf(drawing: Drawing, size: Size, title: str) -> tuple[bytes, Image.Image]:
    with _PDF:
        content = (pdf.sheet if size is Size.BUSINESS else pdf.file)(drawing, title)
        document = pypdfium2.PdfDocument(content)
        try:
            page: Image.Image = document[0].render(scale=PRINT_DPI / 72).to_pil()
        finally:
            document.close()
    return content, page
