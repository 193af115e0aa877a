"""A picture in, all its codes out."""

from collections.abc import Callable, Iterable

from scanning import payload, receipt
from scanning.decode import Symbol
from scanning.header import Limits
from scanning.ladder import FIRST, RETRIES, Step
from scanning.picture import Gray, pages

__all__ = ["Limits", "Symbol", "read"]

MOST_SYMBOLS = 50
SHORTEST_DATAMATRIX = 7  # characters; noise can look like a smaller one, and none of ours is


def read(
    data: bytes,
    limits: Limits = Limits(),  # noqa: B008 - a tuple of numbers
    go_on: Callable[[], bool] = lambda: True,
) -> list[Symbol]:
    """All codes of a picture, or of a PDF's first pages, each once; none is no error.

    Retries stop when one finds a QR or DataMatrix code, or when go_on says that there is no time for another. A bar
    code alone does not stop them, nor do the codes that stand on a receipt beside its own: the code that pays is still
    to be found.
    Raises PictureTooLarge, PictureUnsupported, PictureUnreadable.
    """
    sheets = pages(data, limits)
    found = [symbol for step in FIRST for symbol in _climb(step, sheets)]
    for step in RETRIES:
        if any(_is_the_point(symbol) for symbol in found) or not go_on():
            break
        # A copy that was bent to look like a code may look like a wrong one: it must make sense.
        found += [symbol for symbol in _climb(step, sheets) if payload.classify(symbol.text).kind != "unknown"]
    return _each_once(found)[:MOST_SYMBOLS]


def _is_the_point(symbol: Symbol) -> bool:
    """Whether somebody may have photographed it for its own sake."""
    return symbol.format != "ean" and receipt.look_alike(symbol.text) is None


def _climb(step: Step, sheets: Iterable[Gray]) -> list[Symbol]:
    """What one step of the ladder finds, in the picture's own pixels."""
    found = []
    for sheet in sheets:
        changed = step.change(sheet)
        if changed is None:
            continue
        factor = sheet.shape[1] / changed.shape[1]
        found += [
            symbol._replace(
                step=step.name,
                corners=tuple((round(x * factor), round(y * factor)) for x, y in symbol.corners),
            )
            for symbol in step.read(changed)
            if symbol.format != "datamatrix" or len(symbol.raw) >= SHORTEST_DATAMATRIX
        ]
    return found


def _each_once(symbols: Iterable[Symbol]) -> list[Symbol]:
    first: dict[tuple[str, bytes], Symbol] = {}
    for symbol in symbols:
        first.setdefault((symbol.format, symbol.raw), symbol)
    return list(first.values())
