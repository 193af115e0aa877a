"""Control endpoints of the simulators under /_simulator: add receipts, set faults, read the log."""

from typing import TypeVar

import msgspec
from litestar import delete, get, post, put
from litestar.exceptions import ClientException
from msgspec.json import Decoder

from simulators.receipts import receipt_factory
from simulators.requests import SimulatorRequest
from simulators.state import Setup, SimulatedReceipt, SimulatorState


class GenerationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many receipts to generate, from which number, and their behaviour."""

    count: int = 1
    first: int = 1
    appears_after: int = 0
    script: list[str] = []


class ReceiptsAdded(msgspec.Struct, frozen=True):
    """How many receipts there are now, and the texts of the QR codes of those that were added."""

    held: int
    qr: list[str]


T = TypeVar("T")
RECEIPTS: Decoder[SimulatedReceipt | list[SimulatedReceipt]] = Decoder(SimulatedReceipt | list[SimulatedReceipt])


def _simulator_state(request: SimulatorRequest) -> SimulatorState:
    book: SimulatorState = request.app.state.book
    return book


async def _read_body(request: SimulatorRequest, decoder: Decoder[T]) -> T:
    try:
        return decoder.decode(await request.body() or b"{}")
    except msgspec.DecodeError as error:
        raise ClientException(str(error)) from error


@post("/_simulator/receipts")
async def put_receipts(request: SimulatorRequest) -> ReceiptsAdded:
    """Add one receipt or a list of them; returns the texts of their QR codes."""
    given = await _read_body(request, RECEIPTS)
    entries = given if isinstance(given, list) else [given]
    try:
        texts = [receipt_factory.qr_text(entry.receipt) for entry in entries]
        for entry in entries:
            _simulator_state(request).put(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise ClientException(f"a receipt lacks a requisite, or has an invalid one: {error}") from error
    return ReceiptsAdded(len(_simulator_state(request).entries), texts)


@post("/_simulator/made")
async def make_receipts(request: SimulatorRequest) -> ReceiptsAdded:
    """Generate and add receipts; returns the texts of their QR codes."""
    generation = await _read_body(request, Decoder(GenerationRequest))
    made = [
        receipt_factory.make_receipt(number) for number in range(generation.first, generation.first + generation.count)
    ]
    for receipt in made:
        _simulator_state(request).put(SimulatedReceipt(receipt, generation.appears_after, generation.script))
    texts = [receipt_factory.qr_text(receipt) for receipt in made]
    return ReceiptsAdded(len(_simulator_state(request).entries), texts)


@delete("/_simulator/receipts")
async def clear_receipts(request: SimulatorRequest) -> None:
    """Clear receipts and log."""
    _simulator_state(request).clear()


@get("/_simulator/log")
async def show_log(request: SimulatorRequest) -> dict[str, dict[str, object]]:
    """The log of each service."""
    return {service: log.summary() for service, log in _simulator_state(request).logs.items()}


@get("/_simulator/setup")
async def show_setup(request: SimulatorRequest) -> Setup:
    """The behaviour of the simulators."""
    return _simulator_state(request).setup


@put("/_simulator/setup")
async def replace_setup(request: SimulatorRequest) -> Setup:
    """Replace the behaviour of the simulators; a missing field has its default."""
    _simulator_state(request).setup = await _read_body(request, Decoder(Setup))
    return _simulator_state(request).setup
