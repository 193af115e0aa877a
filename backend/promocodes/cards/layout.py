"""A card put together from what it says: one layout, which PNG, SVG and PDF draw alike."""

from typing import NamedTuple

from backend import typeface
from backend.promocodes.cards import colours, symbol
from backend.promocodes.cards.boxes import LARGER, USUAL, Box, Boxes
from backend.promocodes.cards.content import PAPERS, Card, Size
from backend.promocodes.cards.shapes import Drawing, Line, Logo, Panel, Symbol
from backend.promocodes.cards.symbol import Grade
from backend.promocodes.cards.typesetting import Style, printable, set_in, set_whole

ROUND = 0.06  # of a panel's shorter side
CODE_INSET = 0.07  # of the code's panel, on each side
CODE_ROWS = 4
LOGO_SHARE = 0.45  # of the header's width, at most


class Attempt(NamedTuple):
    """How the QR code is drawn."""

    grade: Grade
    larger: bool


# What is tried in turn until the card reads at a third of its size: more redundancy first, then more room, then
# fewer modules, for a long address makes small ones.
ATTEMPTS = (Attempt("Q", False), Attempt("H", False), Attempt("Q", True), Attempt("M", True), Attempt("L", True))


def draw(card: Card, size: Size, attempt: Attempt = ATTEMPTS[0]) -> Drawing:
    """Lay a card out. Pure."""
    boxes = (LARGER if attempt.larger else USUAL)[size]
    look = card.look
    panels = (_panel(boxes.symbol, colours.LIGHT), _panel(boxes.code, look.accent))
    logo = Logo(_logo_box(boxes.header, card), look.logo) if look.logo else None
    lines = [*_heading(boxes, card), *_typed_code(boxes.code, card), *_small_print(boxes, card)]
    found = Symbol(boxes.symbol, symbol.modules(card.link, attempt.grade))
    return Drawing(PAPERS[size], look.background, panels, logo, tuple(lines), found)


def _panel(box: Box, fill: str) -> Panel:
    return Panel(box, ROUND * min(box.width, box.height), fill)


def _logo_box(header: Box, card: Card) -> Box:
    """Beside the brand's name; the logo is fitted into it from the left."""
    return header._replace(width=min(header.width * LOGO_SHARE, header.height * _shape(card.look.logo)))


def _shape(png: bytes) -> float:
    """Width for a height of 1, by the PNG's header (ISO/IEC 15948, 11.2.2)."""
    return int.from_bytes(png[16:20]) / int.from_bytes(png[20:24])


def _heading(boxes: Boxes, card: Card) -> list[Line]:
    """The brand, the offer, and right under it until when it stands."""
    ink, left, centred = card.look.ink, boxes.header, boxes.centred
    if card.look.logo:
        taken = _logo_box(boxes.header, card).width + 0.3 * boxes.header.height
        left, centred = Box(left.x + taken, left.y, left.width - taken, left.height), False
    largest = 0.62 * left.height
    brand = Style(typeface.BOLD, ink, largest, largest / 2, most_lines=2, centred=centred)
    offer = Style(typeface.BOLD, ink, boxes.offer_type, boxes.offer_type / 2.5, most_lines=4, centred=boxes.centred)
    until = Style(typeface.REGULAR, ink, boxes.small_type, boxes.small_type / 2, centred=boxes.centred)
    offered = set_in(boxes.offer, card.offer, offer)
    lowest = max((line.baseline + 0.45 * line.size for line in offered), default=boxes.until.y)
    under = boxes.until._replace(y=min(boxes.until.y, lowest))
    return [*set_in(left, card.brand, brand, middle=True), *offered, *set_in(under, card.until, until, middle=True)]


def _typed_code(box: Box, card: Card) -> list[Line]:
    """The code in large type; a code that lacks a symbol is none, so it is never cut."""
    inset = CODE_INSET * min(box.width, box.height)
    inner = Box(box.x + 2 * inset, box.y + inset, box.width - 4 * inset, box.height - 2 * inset)
    style = Style(typeface.BOLD, colours.on(card.look.accent), 0.6 * box.height, 0, centred=True)
    return set_whole(inner, printable(card.code), style, CODE_ROWS)


def _small_print(boxes: Boxes, card: Card) -> list[Line]:
    """What to do with it, who shares it, and who advertises."""
    ink = card.look.ink
    hint = Style(typeface.REGULAR, ink, boxes.small_type, boxes.small_type / 1.8, most_lines=5, centred=boxes.centred)
    label = Style(typeface.REGULAR, ink, boxes.label_type, boxes.label_type / 1.5, most_lines=3, centred=boxes.centred)
    told = ". ".join(filter(None, [card.hint, card.nickname]))
    return [*set_in(boxes.hint, told, hint), *set_in(boxes.label, card.label, label)]
