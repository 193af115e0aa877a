"""Positions of a card's parts: one table of boxes for each size, and one with a larger QR code."""

from typing import NamedTuple

from backend.earning.promocodes.cards.artwork.content import CardSize


class Box(NamedTuple):
    """A rectangle in the card's unit, from its upper left corner, y downwards."""

    x: float
    y: float
    width: float
    height: float


class Boxes(NamedTuple):
    """A card's parts. Type sizes are the largest; texts shrink until they fit their box."""

    header: Box
    offer: Box
    until: Box
    symbol: Box
    code: Box
    hint: Box
    label: Box
    offer_type: float
    small_type: float
    label_type: float
    centred: bool = False


USUAL = {
    CardSize.MESSENGER: Boxes(
        header=Box(64, 56, 952, 84),
        offer=Box(64, 172, 952, 190),
        until=Box(64, 370, 952, 44),
        symbol=Box(64, 440, 540, 540),
        code=Box(636, 440, 380, 300),
        hint=Box(636, 764, 380, 216),
        label=Box(64, 996, 952, 64),
        offer_type=86,
        small_type=36,
        label_type=22,
    ),
    # Applications lay their own buttons over the upper and lower eighth.
    CardSize.STORY: Boxes(
        header=Box(90, 250, 900, 96),
        offer=Box(90, 390, 900, 260),
        until=Box(90, 662, 900, 50),
        symbol=Box(220, 740, 640, 640),
        code=Box(150, 1412, 780, 150),
        hint=Box(90, 1582, 900, 60),
        label=Box(90, 1656, 900, 60),
        offer_type=100,
        small_type=42,
        label_type=24,
        centred=True,
    ),
    CardSize.BUSINESS: Boxes(
        header=Box(5, 4.5, 39, 7),
        offer=Box(5, 13.5, 39, 14.5),
        until=Box(5, 29.3, 39, 3.2),
        symbol=Box(47, 4, 33, 33),
        code=Box(47, 38.5, 33, 7.5),
        hint=Box(5, 34, 39, 12),
        label=Box(5, 47.6, 75, 5),
        offer_type=6.4,
        small_type=2.7,
        label_type=1.8,
    ),
    CardSize.LEAFLET: Boxes(
        header=Box(12, 11, 124, 13),
        offer=Box(12, 30, 124, 38),
        until=Box(12, 69, 124, 7),
        symbol=Box(32, 80, 84, 84),
        code=Box(22, 168, 104, 18),
        hint=Box(12, 188.5, 124, 7),
        label=Box(12, 196.5, 124, 9),
        offer_type=14,
        small_type=5,
        label_type=2.6,
        centred=True,
    ),
}

LARGER = {
    CardSize.MESSENGER: USUAL[CardSize.MESSENGER]._replace(
        offer=Box(64, 150, 952, 120),
        until=Box(64, 276, 952, 40),
        symbol=Box(64, 330, 660, 660),
        code=Box(744, 330, 272, 360),
        hint=Box(744, 710, 272, 280),
    ),
    CardSize.STORY: USUAL[CardSize.STORY]._replace(
        offer=Box(90, 360, 900, 150),
        until=Box(90, 514, 900, 46),
        symbol=Box(140, 580, 800, 800),
    ),
    CardSize.BUSINESS: USUAL[CardSize.BUSINESS]._replace(
        header=Box(4, 4.5, 31, 6),
        offer=Box(4, 12.5, 31, 12),
        until=Box(4, 25, 31, 3),
        symbol=Box(37, 3.5, 45, 45),
        code=Box(4, 36, 31, 8),
        hint=Box(4, 29, 31, 6.5),
        label=Box(4, 49.4, 77, 4),
    ),
    CardSize.LEAFLET: USUAL[CardSize.LEAFLET]._replace(
        offer=Box(12, 27, 124, 22),
        until=Box(12, 50, 124, 6),
        symbol=Box(20, 58, 108, 108),
    ),
}
