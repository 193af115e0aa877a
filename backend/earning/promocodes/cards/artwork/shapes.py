"""Shapes of a card's drawing. Sizes in the card's unit, colours as #RRGGBB."""

from typing import NamedTuple

from backend.earning.promocodes.cards.artwork.boxes import Box
from backend.earning.promocodes.cards.artwork.content import Paper
from backend.earning.promocodes.cards.artwork.symbol import Modules


class Panel(NamedTuple):
    """A filled rectangle with round corners."""

    box: Box
    radius: float
    fill: str


class TextLine(NamedTuple):
    """A line of text. `x` is its left end, or its middle if centred; `width` is its width in PT Sans."""

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
    lines: tuple[TextLine, ...]
    symbol: Symbol
