"""Reads all codes of a picture by the decode plan (decode_plan.py)."""

from collections.abc import Callable, Iterable

from scanning import payload
from scanning.pictures.decode import Symbol
from scanning.pictures.decode_plan import FIRST, RETRIES, Step
from scanning.pictures.header import Limits
from scanning.pictures.picture import Gray, Sheet, sheets
from scanning.receipts import receipt

__all__ = ["Limits", "Symbol", "read"]

MAX_SYMBOLS = 50
# Sheets in memory for retries: four photos of 24 megapixels, or a PDF's first pages.
RETRY_BYTES = 100_000_000
SHORTEST_DATAMATRIX = 7  # characters; noise can look like a smaller one, and none of ours is


def read(
    data: bytes,
    limits: Limits = Limits(),  # noqa: B008 - a tuple of numbers
    go_on: Callable[[], bool] = lambda: True,
) -> list[Symbol]:
    """All codes of a picture, or of a PDF's pages, without duplicates; the list may be empty.

    Pages and retries stop when go_on returns False, retries also when one finds a QR or DataMatrix code. A bar code
    does not stop them, nor do the other codes on a receipt: the code that pays is still to be found.
    Raises PictureTooLarge, PictureUnsupported, PictureUnreadable.
    """
    found, retried = _first_attempts(data, limits, go_on)
    for step in RETRIES:
        if any(_is_wanted(symbol) for symbol in found) or not go_on():
            break
        # A changed picture may read as a wrong code: only codes of a known kind count.
        found += [
            symbol for symbol in _run_step(step, retried, go_on) if payload.classify(symbol.text).kind != "unknown"
        ]
    return _unique_symbols(found)[:MAX_SYMBOLS]


def _first_attempts(data: bytes, limits: Limits, go_on: Callable[[], bool]) -> tuple[list[Symbol], list[Sheet]]:
    """The symbols that the first steps find on all sheets, and the sheets for retries: as many as fit in memory."""
    found: list[Symbol] = []
    retried: list[Sheet] = []
    free_bytes = RETRY_BYTES
    for sheet in sheets(data, limits):
        found = _unique_symbols(found + [symbol for step in FIRST for symbol in _run_step(step, [sheet])])
        if sheet.gray.nbytes <= free_bytes:
            retried.append(sheet)
            free_bytes -= sheet.gray.nbytes
        if len(found) >= MAX_SYMBOLS or not go_on():
            break
    return found, retried


def _is_wanted(symbol: Symbol) -> bool:
    """Whether the symbol may be the code that was meant to be scanned."""
    return symbol.format != "ean" and receipt.lookalike_problem(symbol.text) is None


def _run_step(step: Step, pages: Iterable[Sheet], go_on: Callable[[], bool] = lambda: True) -> list[Symbol]:
    """The symbols that one step finds, in pixels of the sheets."""
    found = []
    for number, (page, gray) in enumerate(pages):
        if number and not go_on():
            break
        changed = step.change(gray)
        if changed is None:
            continue
        found += [
            _place_symbol(symbol, page, gray, gray.shape[1] / changed.shape[1])._replace(step=step.name)
            for symbol in step.read(changed)
            if symbol.format != "datamatrix" or len(symbol.raw) >= SHORTEST_DATAMATRIX
        ]
    return found


def _place_symbol(symbol: Symbol, page: int, gray: Gray, factor: float) -> Symbol:
    """A symbol with its page, and its corners scaled back to the sheet by a factor."""
    height, width = gray.shape
    corners = tuple((round(x * factor), round(y * factor)) for x, y in symbol.corners)
    outline = tuple((_side_share(x, width), _side_share(y, height)) for x, y in corners)
    return symbol._replace(page=page, corners=corners, outline=outline)


def _side_share(pixels: int, side: int) -> float:
    return round(min(max(pixels / side, 0.0), 1.0), 4)


def _unique_symbols(symbols: Iterable[Symbol]) -> list[Symbol]:
    first: dict[tuple[str, bytes], Symbol] = {}
    for symbol in symbols:
        first.setdefault((symbol.format, symbol.raw), symbol)
    return list(first.values())
