"""The layout of a card, which PNG, SVG and PDF draw alike."""

from typing import NamedTuple

from backend.core.tabular.output import typeface
from backend.earning.promocodes.cards.artwork import colours, symbol
from backend.earning.promocodes.cards.artwork.boxes import LARGER, USUAL, Box, Boxes
from backend.earning.promocodes.cards.artwork.content import PAPERS, Card, CardSize
from backend.earning.promocodes.cards.artwork.shapes import Drawing, Logo, Panel, Symbol, TextLine
from backend.earning.promocodes.cards.artwork.symbol import Grade
from backend.earning.promocodes.cards.artwork.text_layout import TextStyle, fit_code, fit_text, printable_text

ROUND = 0.06  # of a panel's shorter side
CODE_INSET = 0.07  # of the code's panel, on each side
CODE_ROWS = 4
LOGO_SHARE = 0.45  # of the header's width, at most


class Attempt(NamedTuple):
    """How the QR code is drawn."""

    grade: Grade
    larger: bool


# Tried in order until the card is readable at a third of its size: first more redundancy, then a larger code, then
# fewer modules, because a long address makes small ones.
ATTEMPTS = (Attempt("Q", False), Attempt("H", False), Attempt("Q", True), Attempt("M", True), Attempt("L", True))


def lay_out(card: Card, size: CardSize, attempt: Attempt = ATTEMPTS[0]) -> Drawing:
    """Lay a card out. Pure."""
    boxes = (LARGER if attempt.larger else USUAL)[size]
    style = card.style
    panels = (_rounded_panel(boxes.symbol, colours.LIGHT), _rounded_panel(boxes.code, style.accent))
    logo = Logo(_logo_box(boxes.header, card), style.logo) if style.logo else None
    lines = [*_heading_lines(boxes, card), *_typed_code(boxes.code, card), *_small_print(boxes, card)]
    qr_code = Symbol(boxes.symbol, symbol.qr_modules(card.link, attempt.grade))
    return Drawing(PAPERS[size], style.background, panels, logo, tuple(lines), qr_code)


def _rounded_panel(box: Box, fill: str) -> Panel:
    return Panel(box, ROUND * min(box.width, box.height), fill)


def _logo_box(header: Box, card: Card) -> Box:
    """Beside the brand's name; the logo is fitted into it from the left."""
    return header._replace(width=min(header.width * LOGO_SHARE, header.height * _aspect_ratio(card.style.logo)))


def _aspect_ratio(png: bytes) -> float:
    """Width for a height of 1, by the PNG's header (ISO/IEC 15948, 11.2.2)."""
    return int.from_bytes(png[16:20]) / int.from_bytes(png[20:24])


def _heading_lines(boxes: Boxes, card: Card) -> list[TextLine]:
    """The brand, the offer, and below it the offer's last day."""
    ink, left, centred = card.style.ink, boxes.header, boxes.centred
    if card.style.logo:
        used = _logo_box(boxes.header, card).width + 0.3 * boxes.header.height
        left, centred = Box(left.x + used, left.y, left.width - used, left.height), False
    largest = 0.62 * left.height
    brand = TextStyle(typeface.BOLD, ink, largest, largest / 2, most_lines=2, centred=centred)
    offer = TextStyle(typeface.BOLD, ink, boxes.offer_type, boxes.offer_type / 2.5, most_lines=4, centred=boxes.centred)
    until = TextStyle(typeface.REGULAR, ink, boxes.small_type, boxes.small_type / 2, centred=boxes.centred)
    offered = fit_text(boxes.offer, card.offer, offer)
    lowest = max((line.baseline + 0.45 * line.size for line in offered), default=boxes.until.y)
    under = boxes.until._replace(y=min(boxes.until.y, lowest))
    return [*fit_text(left, card.brand, brand, middle=True), *offered, *fit_text(under, card.until, until, middle=True)]


def _typed_code(box: Box, card: Card) -> list[TextLine]:
    """The code in large type, never truncated: a code without one symbol is useless."""
    inset = CODE_INSET * min(box.width, box.height)
    inner = Box(box.x + 2 * inset, box.y + inset, box.width - 4 * inset, box.height - 2 * inset)
    style = TextStyle(typeface.BOLD, colours.readable_on(card.style.accent), 0.6 * box.height, 0, centred=True)
    return fit_code(inner, printable_text(card.code), style, CODE_ROWS)


def _small_print(boxes: Boxes, card: Card) -> list[TextLine]:
    """The hint, the agent's nickname, and the advertising label."""
    ink = card.style.ink
    hint = TextStyle(
        typeface.REGULAR, ink, boxes.small_type, boxes.small_type / 1.8, most_lines=5, centred=boxes.centred
    )
    label = TextStyle(
        typeface.REGULAR, ink, boxes.label_type, boxes.label_type / 1.5, most_lines=3, centred=boxes.centred
    )
    hint_text = ". ".join(filter(None, [card.hint, card.nickname]))
    return [*fit_text(boxes.hint, hint_text, hint), *fit_text(boxes.label, card.label, label)]
