"""A provider that calls back, played: it takes a receipt's text, says it has it, and posts what it found later."""

import asyncio
import uuid
from typing import Any

import msgspec
from litestar import Request, Response, post

from backend.simulators import calling, trouble
from backend.simulators.book import Asked, Book
from backend.simulators.proverkacheka import asked_for

ASK_AGAIN_SECONDS = 0.2  # how often it looks itself, while a receipt has not appeared
LOOKS = 100


class Target(msgspec.Struct):
    """Where and how to call back."""

    url: str
    headers: dict[str, str] = {}
    method: str = "POST"


class Config(msgspec.Struct):
    """What a request sets."""

    callback: Target


class Given(msgspec.Struct):
    """A receipt handed in."""

    qrStr: str  # noqa: N815 - their names
    userUuid: str  # noqa: N815
    externalId: str  # noqa: N815
    config: Config
    channel: str = ""
    meta: dict[str, Any] = {}


class Line:
    """The calls that are still to be made."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.calls: set[asyncio.Task[None]] = set()

    def later(self, given: Given, asked: Asked, fault: str) -> None:
        call = asyncio.create_task(self._tell(given, asked, fault))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)

    async def _tell(self, given: Given, asked: Asked, fault: str) -> None:
        setup = self.book.setup
        await asyncio.sleep(setup.lag + (setup.late_seconds if fault == "late" else 0))
        told = await self._told(given, asked, fault)
        for _ in range(2 if fault == "duplicate" else 1):
            await self._call(given, told)

    async def _told(self, given: Given, asked: Asked, fault: str) -> dict[str, Any]:
        """What is found; a receipt that never appears is rejected in the end."""
        told = {"externalId": given.externalId, "uuid": str(uuid.uuid4())}
        if fault.startswith("reject_"):
            return told | {"status": "rejected", "rejectCode": fault.removeprefix("reject_")}
        verdict = self.book.verdict("callback", asked)
        for _ in range(LOOKS):
            if verdict != "not_yet":
                break
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            verdict = self.book.verdict("callback", asked)
        self.book.logs["callback"].answers[verdict] += 1
        if verdict != "found":
            return told | {"status": "rejected", "rejectCode": "FNS_SHORT_CHECK_FAILED"}
        receipt = self.book.entries[asked.key].receipt
        if fault == "wrong_amount":
            receipt = receipt | {"totalSum": receipt["totalSum"] + 10_000}
        return told | {"status": "accepted", "receipt": receipt}

    async def _call(self, given: Given, told: dict[str, Any]) -> None:
        target = given.config.callback
        status = await calling.call(target.url, told, target.headers)
        self.book.logs["callback"].callbacks.append((given.externalId, status))


@post("/api/receipts/qr")
async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take a receipt in; what it is worth is told by callback."""
    book: Book = request.app.state.book
    line: Line = request.app.state.line
    if not request.headers.get("api-key"):
        return _answer({"status": "error"}, 401)
    try:
        given = msgspec.json.decode(await request.body(), type=Given)
        uuid.UUID(given.userUuid)
        asked, _ = asked_for({"qrraw": given.qrStr})
    except (msgspec.DecodeError, KeyError, ValueError, ArithmeticError):
        return _answer({"status": "error"}, 400)
    if not calling.is_at_home(given.config.callback.url) or given.config.callback.method != "POST":
        return _answer({"status": "error"}, 400)
    if not book.arrive("callback", asked.key, "callback"):
        return Response(b"", status_code=429, headers={"Retry-After": "1"})
    fault = book.fault("callback", asked.key)
    played = await trouble.play(fault, book.setup, "application/json")
    if played is not None:
        return played
    if fault != "lost":
        line.later(given, asked, fault)
    return _answer({"status": "accepted", "uuid": str(uuid.uuid4())}, 200)


def _answer(told: dict[str, str], status: int) -> Response[bytes]:
    return Response(msgspec.json.encode(told), status_code=status, media_type="application/json")
