"""Drawing of a card's file with a check: a QR code unreadable at a third of its size is drawn again, never served."""

import threading
from collections.abc import Sequence

import numpy as np
import pypdfium2
import structlog
import zxingcpp
from PIL import Image

from backend.earning.promocodes.cards.artwork import layout, pdf, png, svg
from backend.earning.promocodes.cards.artwork.content import PRINT_DPI, Card, CardFormat, CardSize
from backend.earning.promocodes.cards.artwork.layout import ATTEMPTS, Attempt
from backend.earning.promocodes.cards.artwork.shapes import Drawing
from backend.earning.promocodes.cards.artwork.symbol import TextTooLong

REDUCTION = 3
QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2])
# reportlab keeps subsets of typefaces in global state, and PDFium is not thread-safe.
_PDF = threading.Lock()

log = structlog.get_logger("scanback")


class CardUnreadable(RuntimeError):
    """No attempt made a readable card: a bug, or an address that is far too long."""


def draw_card_file(card: Card, size: CardSize, kind: CardFormat, attempts: Sequence[Attempt] = ATTEMPTS) -> bytes:
    """Draw a card and read its QR code back. Pure. Takes up to a second, so run it in a thread.

    Raises:
        CardUnreadable: no attempt could be read back.
    """
    for attempt in attempts:
        try:
            drawing = layout.lay_out(card, size, attempt)
        except TextTooLong:
            continue
        content, raster = _draw_file(drawing, size, kind, card.code)
        if is_readable(raster, card.link, _codes_per_page(size, kind)):
            return content
        log.warning("card_not_read_back", size=size, kind=kind, grade=attempt.grade, larger=attempt.larger)
    raise CardUnreadable(f"a {size} card as {kind} with an address of {len(card.link)} signs")


def is_readable(raster: Image.Image, text: str, copies: int) -> bool:
    """Whether all QR codes of a picture are readable in full size and at a third of it."""
    small = raster.resize((raster.width // REDUCTION, raster.height // REDUCTION), Image.Resampling.LANCZOS)
    return all(_read_texts(picture) == [text] * copies for picture in (raster, small))


def _read_texts(picture: Image.Image) -> list[str]:
    barcodes = zxingcpp.read_barcodes(np.asarray(picture.convert("L")), formats=QR)
    return [code.text for code in barcodes]


def _codes_per_page(size: CardSize, kind: CardFormat) -> int:
    return pdf.CARDS_PER_SHEET if (size, kind) == (CardSize.BUSINESS, CardFormat.PDF) else 1


def _draw_file(drawing: Drawing, size: CardSize, kind: CardFormat, title: str) -> tuple[bytes, Image.Image]:
    """A file and its raster image.

    The service cannot rasterise SVG. For an SVG the PNG with the same modules at the same positions is read back, and a
    test opens the SVG in a browser.
    """
    if kind is CardFormat.PDF:
        return _draw_pdf(drawing, size, title)
    picture = png.draw_picture(drawing)
    return (png.encode_png(picture) if kind is CardFormat.PNG else svg.draw_svg(drawing, title)), picture


def _draw_pdf(drawing: Drawing, size: CardSize, title: str) -> tuple[bytes, Image.Image]:
    with _PDF:
        content = (pdf.draw_sheet if size is CardSize.BUSINESS else pdf.draw_page)(drawing, title)
        document = pypdfium2.PdfDocument(content)
        try:
            page: Image.Image = document[0].render(scale=PRINT_DPI / 72).to_pil()
        finally:
            document.close()
    return content, page
