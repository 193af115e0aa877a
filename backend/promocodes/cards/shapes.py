"""What a card is drawn of; sizes in the card's unit, colours as #RRGGBB."""

from typing import NamedTuple

from backend.promocodes.cards.boxes import Box
from backend.promocodes.cards.content import Paper
from backend.promocodes.cards.symbol import Modules


class Panel(NamedTuple):
    """A filled rectangle with round corners."""

    box: Box
    radius: float
    fill: str


class Line(NamedTuple):
    """A line of type; x is its left end, or its middle where it is centred. `width` is what it takes in our face."""

    text: str
    font: str
    size: float
    x: float
    baseline: float
    width: float
    centred: bool
    fill: str


class Logo(NamedTuple):
    """A PNG, as large as it may be inside the box."""

    box: Box
    png: bytes


class Symbol(NamedTuple):
    """A QR code: a square box with its quiet zone in it."""

    box: Box
    rows: Modules


class Drawing(NamedTuple):
    """A whole card."""

    paper: Paper
    background: str
    panels: tuple[Panel, ...]
    logo: Logo | None
    lines: tuple[Line, ...]
    symbol: Symbol
