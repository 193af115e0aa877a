"""Simulator of a provider with callbacks: it accepts a receipt's text and posts the result later."""

import asyncio
import uuid
from typing import Any

import msgspec
from litestar import Response, post

from simulators import callbacks, common_faults
from simulators.receipts.proverkacheka import read_query
from simulators.requests import SimulatorRequest
from simulators.state import ReceiptRequest, SimulatorState

CHECK_SECONDS = 0.2  # between checks whether a receipt has appeared
MAX_CHECKS = 100


class CallbackTarget(msgspec.Struct):
    """The address, headers and method of the callback."""

    url: str
    headers: dict[str, str] = {}
    method: str = "POST"


class SubmissionConfig(msgspec.Struct):
    """The settings in a request."""

    callback: CallbackTarget


class Submission(msgspec.Struct):
    """A submitted receipt."""

    qrStr: str  # noqa: N815 - the provider's names
    userUuid: str  # noqa: N815
    externalId: str  # noqa: N815
    config: SubmissionConfig
    channel: str = ""
    meta: dict[str, Any] = {}


class CallbackQueue:
    """The callbacks that are still to be sent."""

    def __init__(self, book: SimulatorState) -> None:
        self.book = book
        self.calls: set[asyncio.Task[None]] = set()

    def schedule(self, submission: Submission, query: ReceiptRequest, fault: str) -> None:
        call = asyncio.create_task(self._deliver_result(submission, query, fault))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)

    async def _deliver_result(self, submission: Submission, query: ReceiptRequest, fault: str) -> None:
        setup = self.book.setup
        await asyncio.sleep(setup.lag + (setup.late_seconds if fault == "late" else 0))
        body = await self._callback_body(submission, query, fault)
        for _ in range(2 if fault == "duplicate" else 1):
            await self._send_callback(submission, body)

    async def _callback_body(self, submission: Submission, query: ReceiptRequest, fault: str) -> dict[str, object]:
        """The body of the callback; a receipt that never appears is rejected in the end."""
        body: dict[str, object] = {"externalId": submission.externalId, "uuid": str(uuid.uuid4())}
        if fault.startswith("reject_"):
            return body | {"status": "rejected", "rejectCode": fault.removeprefix("reject_")}
        verdict = self.book.verdict("callback", query)
        for _ in range(MAX_CHECKS):
            if verdict != "not_yet":
                break
            await asyncio.sleep(CHECK_SECONDS)
            verdict = self.book.verdict("callback", query)
        self.book.logs["callback"].answers[verdict] += 1
        if verdict != "found":
            return body | {"status": "rejected", "rejectCode": "FNS_SHORT_CHECK_FAILED"}
        receipt = self.book.entries[query.key].receipt
        if fault == "wrong_amount":
            receipt = receipt | {"totalSum": receipt["totalSum"] + 10_000}
        return body | {"status": "accepted", "receipt": receipt}

    async def _send_callback(self, submission: Submission, body: dict[str, object]) -> None:
        target = submission.config.callback
        status = await callbacks.post_callback(target.url, body, target.headers)
        self.book.logs["callback"].callbacks.append((submission.externalId, status))


@post("/api/receipts/qr")
async def submit_receipt(request: SimulatorRequest) -> Response[bytes]:
    """Accept a receipt; the result comes by callback."""
    book: SimulatorState = request.app.state.book
    queue: CallbackQueue = request.app.state.line
    if not request.headers.get("api-key"):
        return _json_response({"status": "error"}, 401)
    try:
        submission = msgspec.json.decode(await request.body(), type=Submission)
        uuid.UUID(submission.userUuid)
        query, _ = read_query({"qrraw": submission.qrStr})
    except (msgspec.DecodeError, KeyError, ValueError, ArithmeticError):
        return _json_response({"status": "error"}, 400)
    if not callbacks.is_local(submission.config.callback.url) or submission.config.callback.method != "POST":
        return _json_response({"status": "error"}, 400)
    if not book.arrive("callback", query.key, "callback"):
        return Response(b"", status_code=429, headers={"Retry-After": "1"})
    fault = book.fault("callback", query.key)
    played = await common_faults.play_fault(fault, book.setup, "application/json")
    if played is not None:
        return played
    if fault != "lost":
        queue.schedule(submission, query, fault)
    return _json_response({"status": "accepted", "uuid": str(uuid.uuid4())}, 200)


def _json_response(body: dict[str, str], status: int) -> Response[bytes]:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
