"""The stand-ins' own desk: receipts are put in, faults set, and the log read, all under /_simulator."""

from typing import Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.exceptions import ClientException

from backend.simulators import receipts_made
from backend.simulators.book import Book, Entry, Setup


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many receipts to make up, from which number, and how they behave."""

    count: int = 1
    first: int = 1
    appears_after: int = 0
    script: list[str] = []


def _book(request: Request[Any, Any, Any]) -> Book:
    book: Book = request.app.state.book
    return book


async def _read(request: Request[Any, Any, Any], type_: Any) -> Any:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=type_)
    except msgspec.DecodeError as error:
        raise ClientException(str(error)) from error


@post("/_simulator/receipts")
async def put_receipts(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Put one receipt or a list of them in; what their QRs say comes back."""
    given = await _read(request, Entry | list[Entry])
    entries = given if isinstance(given, list) else [given]
    try:
        texts = [receipts_made.question_text(entry.receipt) for entry in entries]
        for entry in entries:
            _book(request).put(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise ClientException(f"a receipt lacks a requisite, or it makes no sense: {error}") from error
    return {"held": len(_book(request).entries), "qr": texts}


@post("/_simulator/made")
async def make_receipts(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make receipts up and put them in; what their QRs say comes back."""
    wanted: Wanted = await _read(request, Wanted)
    made = [receipts_made.made(number) for number in range(wanted.first, wanted.first + wanted.count)]
    for receipt in made:
        _book(request).put(Entry(receipt, wanted.appears_after, wanted.script))
    return {"held": len(_book(request).entries), "qr": [receipts_made.question_text(receipt) for receipt in made]}


@delete("/_simulator/receipts")
async def clear(request: Request[Any, Any, Any]) -> None:
    """Forget receipts and log."""
    _book(request).clear()


@get("/_simulator/log")
async def log(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What happened at each service."""
    return {service: log.shown() for service, log in _book(request).logs.items()}


@get("/_simulator/setup")
async def setup(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """How the stand-ins behave."""
    found: dict[str, Any] = msgspec.to_builtins(_book(request).setup)
    return found


@put("/_simulator/setup")
async def set_up(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Have the stand-ins behave so from now on; what is left out is as at first."""
    _book(request).setup = await _read(request, Setup)
    found: dict[str, Any] = msgspec.to_builtins(_book(request).setup)
    return found
