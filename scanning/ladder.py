"""The order in which a picture is tried: what is cheap and mostly enough first, then what saves most per millisecond.

Measured on photographs made for it (blur, shake, shadow, glare, noise, small and faint codes): the first rung reads
most; of the rest opened shadows, doubled size and evened light save half, each step below another few per cent.
"""

from collections.abc import Callable
from typing import NamedTuple

from scanning import decode, filters
from scanning.decode import Reader
from scanning.picture import Gray

MIDDLE = 1600  # pixels of the longest side; a DataMatrix search costs ten times a QR search


class Step(NamedTuple):
    """One attempt: the picture changed in one way and read by one engine."""

    name: str
    change: Callable[[Gray], Gray | None]  # none where it makes no sense for this picture
    read: Reader


def _as_it_is(picture: Gray) -> Gray:
    return picture


def _middle(picture: Gray) -> Gray:
    return filters.shrunk(picture, MIDDLE)


def _doubled(picture: Gray) -> Gray | None:
    return filters.enlarged(picture, 2) if max(picture.shape) <= MIDDLE else None


def _lit(picture: Gray) -> Gray:
    return filters.brightened(_middle(picture), 0.4)


def _even(picture: Gray) -> Gray:
    return filters.flattened(filters.shrunk(picture, 800), radius=20)


def _even_and_sharp(picture: Gray) -> Gray:
    return filters.sharpened(filters.flattened(filters.shrunk(picture, 1000), radius=25), radius=3, percent=200)


def _sharp(picture: Gray) -> Gray:
    return filters.sharpened(_middle(picture), radius=2, percent=200)


def _very_sharp(picture: Gray) -> Gray:
    return filters.sharpened(_middle(picture), radius=8, percent=400)


def _black_and_white(picture: Gray) -> Gray:
    return filters.thresholded(filters.shrunk(picture, 800), radius=12, margin=5)


def _doubled_and_even(picture: Gray) -> Gray | None:
    large = _doubled(picture)
    return None if large is None else filters.flattened(large, radius=40)


def _doubled_and_sharp(picture: Gray) -> Gray | None:
    large = _doubled(picture)
    return None if large is None else filters.sharpened(large, radius=4, percent=200)


# All of these are always done, so that every code of a photograph is found.
FIRST = (
    Step("qr", _as_it_is, decode.read_qr),
    Step("datamatrix", _middle, decode.read_datamatrix),
    Step("ean", _middle, decode.read_ean),
)

# These one after another, until one finds something.
RETRIES = (
    Step("lit", _lit, decode.read_both),
    Step("doubled", _doubled, decode.read_both),
    Step("even", _even, decode.read_both),
    Step("zbar", _middle, decode.read_by_zbar),
    Step("even and sharp, one threshold", _even_and_sharp, decode.read_qr_by_one_threshold),
    Step("even and sharp", _even_and_sharp, decode.read_both),
    Step("sharp", _sharp, decode.read_both),
    Step("black and white", _black_and_white, decode.read_both),
    Step("very sharp", _very_sharp, decode.read_qr),
    Step("doubled, one threshold", _doubled, decode.read_qr_by_one_threshold),
    Step("doubled and even", _doubled_and_even, decode.read_both),
    Step("doubled and sharp", _doubled_and_sharp, decode.read_both),
)
