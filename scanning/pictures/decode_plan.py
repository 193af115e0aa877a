"""The decode plan: the steps by which a picture is read, cheap and usually sufficient ones first, then by gain per ms.

Measured on photographs taken for it (blur, shake, shadow, glare, noise, small and faint codes): the first step reads
most of them; of the rest opened shadows, doubled size and evened light read half, each later step a few per cent more.
"""

from collections.abc import Callable
from typing import NamedTuple

from scanning.pictures import decode, filters
from scanning.pictures.decode import Reader
from scanning.pictures.picture import Gray

MIDDLE = 1600  # pixels of the longest side; a DataMatrix search costs ten times a QR search


class Step(NamedTuple):
    """One attempt: the picture changed in one way and read by one engine."""

    name: str
    change: Callable[[Gray], Gray | None]  # None if the step does not apply to this picture
    read: Reader


def _as_it_is(picture: Gray) -> Gray:
    return picture


def _crop_middle(picture: Gray) -> Gray:
    return filters.shrunk(picture, MIDDLE)


def _double_size(picture: Gray) -> Gray | None:
    return filters.enlarged(picture, 2) if max(picture.shape) <= MIDDLE else None


def _brighten_dark(picture: Gray) -> Gray:
    return filters.brightened(_crop_middle(picture), 0.4)


def _even_lighting(picture: Gray) -> Gray:
    return filters.flattened(filters.shrunk(picture, 800), radius=20)


def _even_and_sharp(picture: Gray) -> Gray:
    return filters.sharpened(filters.flattened(filters.shrunk(picture, 1000), radius=25), radius=3, percent=200)


def _sharpen_picture(picture: Gray) -> Gray:
    return filters.sharpened(_crop_middle(picture), radius=2, percent=200)


def _very_sharp(picture: Gray) -> Gray:
    return filters.sharpened(_crop_middle(picture), radius=8, percent=400)


def _black_and_white(picture: Gray) -> Gray:
    return filters.thresholded(filters.shrunk(picture, 800), radius=12, margin=5)


def _doubled_and_even(picture: Gray) -> Gray | None:
    large = _double_size(picture)
    return None if large is None else filters.flattened(large, radius=40)


def _doubled_and_sharp(picture: Gray) -> Gray | None:
    large = _double_size(picture)
    return None if large is None else filters.sharpened(large, radius=4, percent=200)


# All of these always run, so that every code of a photograph is found.
FIRST = (
    Step("qr", _as_it_is, decode.read_qr),
    Step("datamatrix", _crop_middle, decode.read_datamatrix),
    Step("ean", _crop_middle, decode.read_ean),
)

# These run one after another, until one finds something.
RETRIES = (
    Step("lit", _brighten_dark, decode.read_both),
    Step("doubled", _double_size, decode.read_both),
    Step("even", _even_lighting, decode.read_both),
    Step("zbar", _crop_middle, decode.read_by_zbar),
    Step("even and sharp, one threshold", _even_and_sharp, decode.read_qr_by_one_threshold),
    Step("even and sharp", _even_and_sharp, decode.read_both),
    Step("sharp", _sharpen_picture, decode.read_both),
    Step("black and white", _black_and_white, decode.read_both),
    Step("very sharp", _very_sharp, decode.read_qr),
    Step("doubled, one threshold", _double_size, decode.read_qr_by_one_threshold),
    Step("doubled and even", _doubled_and_even, decode.read_both),
    Step("doubled and sharp", _doubled_and_sharp, decode.read_both),
)
