"""Colours that people can tell apart: contrast by WCAG 2.2."""

import re

COLOUR = r"^#[0-9A-Fa-f]{6}(?!\n)$"
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
SHAPE_CONTRAST = 3.0  # WCAG 2.2, 1.4.11
DARK, LIGHT = "#111111", "#FFFFFF"  # of every QR code: readers expect dark on light


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of #RRGGBB, 0 to 255. Raises ValueError."""
    if not re.fullmatch(COLOUR, colour):
        raise ValueError(f"not a colour: {colour!r}")
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def contrast(first: str, second: str) -> float:
    """How far two colours are from each other in light, 1 to 21."""
    darker, lighter = sorted([_relative_luminance(first), _relative_luminance(second)])
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: str) -> str:
    """Black or white, whichever is better read on a colour."""
    return max(DARK, LIGHT, key=lambda ink: contrast(ink, colour))


def _relative_luminance(colour: str) -> float:
    """Relative luminance: WCAG 2.2, definition of that name."""
    red, green, blue = (_linear_channel(value / 255) for value in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear_channel(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
