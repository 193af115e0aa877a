"""A provider of the APMCheck shape: it takes a receipt's text, and calls back with what it found.

The call back carries a signature that we made over our own reference, so nobody else can answer for it.
"""

import hashlib
import hmac
import uuid
from collections.abc import Mapping

import msgspec
from httpx2 import AsyncClient

from backend.receipts.providers import exchange
from backend.receipts.providers.answers import Answer, ProviderSettings, Question, Result
from backend.receipts.providers.exchange import Trouble

PATH = "/api/receipts/qr"
SHAPE = "callback"
REFERENCE, SIGNATURE = "X-Scanback-Reference", "X-Scanback-Signature"
LONGEST_REFERENCE = 200
ASKERS = uuid.UUID("5d0c8a53-6a39-5c8c-8f4b-6f6d43ab7e0e")

# Their reasons in our words. Those of a promotion's own rules (BRANDS, OUTSIDE_INTERVAL, INCORRECTSTORE, ...) are
# not here: which receipts earn is ours to say, and to them any such receipt should be good.
REJECTIONS: dict[str, Result] = {
    "FNS_SHORT_CHECK_FAILED": "rejected",
    "MODIFICATION": "rejected",
    "EXPIRED": "rejected",
    "FUTURE": "bad_request",
    "DUPLICATE": "bad_request",  # asked twice: they will not say it again, so a person has to look
    "MAX_RECEIPTS_PER_DATE": "limit",
    "BLOCKED_USER": "unavailable",
}


class CallbackUnreadable(ValueError):
    """What was called back is not of the documented shape."""


class _Told(msgspec.Struct):
    """What is called back."""

    externalId: str  # noqa: N815 - their names
    status: str = ""
    rejectCode: str = ""  # noqa: N815
    receipt: dict[str, object] | None = None


class Callback:
    """A client that hands receipts in."""

    def __init__(self, settings: ProviderSettings, secret: bytes) -> None:
        self.settings, self.secret = settings, secret
        self.client: AsyncClient = exchange.open_client()

    async def ask(self, question: Question) -> Answer:
        """Hand a receipt in, within one timeout; trouble is an answer, too.

        Raises:
            ValueError: the question has no reference.
        """
        request = msgspec.json.encode(self._request(question))
        headers = {"Content-Type": "application/json", "api-key": self.settings.token}
        try:
            reply = await exchange.post(self.client, self.settings, PATH, headers=headers, content=request)
            return _taken(reply)
        except Trouble as trouble:
            return trouble.answer(self.settings, shape=SHAPE, spent=1)

    async def close(self) -> None:
        await self.client.aclose()

    def _request(self, question: Question) -> dict[str, object]:
        headers = callback_headers(self.secret, question.reference)
        return {
            "qrStr": question.canonical,
            # They count receipts by user. Who hands one in is not their business, so each has a user of its own.
            "userUuid": str(uuid.uuid5(ASKERS, question.reference)),
            "channel": self.settings.user or "scanback",
            "externalId": question.reference,
            "meta": {},
            "config": {"callback": {"url": self.settings.callback_url, "headers": headers, "method": "POST"}},
        }


def _taken(reply: exchange.Reply) -> Answer:
    """They have it (status and uuid), or say that it is none."""
    if reply.status in {400, 422}:
        return Answer("bad_request", code=f"http_{reply.status}", http=reply.status, shape=SHAPE)
    if not 200 <= reply.status < 300:
        raise Trouble(f"http_{reply.status}", reply.status)
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Trouble("garbage", reply.status) from error
    if not isinstance(answer, dict) or not isinstance(answer.get("uuid"), str):
        raise Trouble("garbage", reply.status)
    return Answer("waiting", code=str(answer.get("status", ""))[:64], http=reply.status, shape=SHAPE)


def read_callback(body: bytes) -> tuple[str, Answer]:
    """The reference and the answer in what was called back; nothing was spent on it.

    Raises:
        CallbackUnreadable: it is not of the documented shape, or too long.
    """
    if len(body) > exchange.MOST_READ:
        raise CallbackUnreadable("longer than any receipt")
    try:
        told = msgspec.json.decode(body, type=_Told)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CallbackUnreadable(str(error)) from error
    if not 0 < len(told.externalId) <= LONGEST_REFERENCE:
        raise CallbackUnreadable("no reference")
    code = told.rejectCode[:64]
    result = _result(told, code)
    receipt = told.receipt if result == "found" else None
    return told.externalId, Answer(result, receipt, code or told.status[:64], shape=SHAPE, spent=0)


def _result(told: _Told, code: str) -> Result:
    """A receipt that fails only a promotion's rules is found; without its JSON a person has to look at it."""
    if code in REJECTIONS:
        return REJECTIONS[code]
    if told.receipt is not None:
        return "found"
    return "bad_request" if code else "waiting"


def callback_headers(secret: bytes, reference: str) -> dict[str, str]:
    """The headers that a call back about a reference must carry.

    Raises:
        ValueError: there is no secret, or no reference that a header can hold.
    """
    if (
        not secret
        or not 0 < len(reference) <= LONGEST_REFERENCE
        or not (reference.isascii() and reference.isprintable())
    ):
        raise ValueError("a callback needs a secret and a printable reference")
    digest = hmac.new(secret, b"receipt-callback:" + reference.encode(), hashlib.sha256).hexdigest()
    return {REFERENCE: reference, SIGNATURE: f"v1={digest}"}


def callback_valid(secret: bytes, headers: Mapping[str, str], reference: str) -> bool:
    """Whether a call back about a reference carries the headers that we gave out; names in any case."""
    carried = {name.lower(): value for name, value in headers.items()}
    try:
        wanted = callback_headers(secret, reference)
    except ValueError:
        return False
    pairs = [(carried.get(name.lower(), ""), value) for name, value in wanted.items()]
    return all(hmac.compare_digest(given.encode(), value.encode()) for given, value in pairs)
