"""A provider of the APMCheck shape: it accepts a receipt's text and sends the result by callback.

The callback has our signature over our own reference, so only the provider can answer.
"""

import hashlib
import hmac
import uuid
from collections.abc import Mapping

import msgspec
from httpx2 import AsyncClient

from backend.earning.receipts.providers import exchange
from backend.earning.receipts.providers.exchange import ProviderError
from backend.earning.receipts.providers.queries import ProviderAnswer, ProviderResult, ProviderSettings, ReceiptQuery

SUBMIT_PATH = "/api/receipts/qr"
SHAPE = "callback"
REFERENCE, SIGNATURE = "X-Scanback-Reference", "X-Scanback-Signature"
MAX_REFERENCE_LENGTH = 200
USER_NAMESPACE = uuid.UUID("5d0c8a53-6a39-5c8c-8f4b-6f6d43ab7e0e")

# The provider's reasons and our results. Reasons of a promotion's rules (BRANDS, OUTSIDE_INTERVAL, INCORRECTSTORE, ...)
# are missing: we decide which receipts earn, so such a receipt counts as found.
REJECTIONS: dict[str, ProviderResult] = {
    "FNS_SHORT_CHECK_FAILED": "rejected",
    "MODIFICATION": "rejected",
    "EXPIRED": "rejected",
    "FUTURE": "bad_request",
    "DUPLICATE": "bad_request",  # queried twice: the provider does not repeat its answer, so the receipt goes to review
    "MAX_RECEIPTS_PER_DATE": "limit",
    "BLOCKED_USER": "unavailable",
}


class CallbackUnreadable(ValueError):
    """The body of a callback does not have the documented shape."""


class _CallbackBody(msgspec.Struct):
    """The body of a callback."""

    externalId: str  # noqa: N815 - the provider's names
    status: str = ""
    rejectCode: str = ""  # noqa: N815
    receipt: dict[str, object] | None = None


class CallbackProvider:
    """A client that submits receipts for a later callback."""

    def __init__(self, settings: ProviderSettings, secret: bytes) -> None:
        self.settings, self.secret = settings, secret
        self.client: AsyncClient = exchange.open_client()

    async def find_receipt(self, query: ReceiptQuery) -> ProviderAnswer:
        """Submit a receipt, within one timeout; a failure is an answer too.

        Raises:
            ValueError: the query has no reference.
        """
        request = msgspec.json.encode(self._request(query))
        headers = {"Content-Type": "application/json", "api-key": self.settings.token}
        try:
            reply = await exchange.post(self.client, self.settings, SUBMIT_PATH, headers=headers, content=request)
            return _read_submission(reply)
        except ProviderError as error:
            return error.to_answer(self.settings, shape=SHAPE, spent=1)

    async def close(self) -> None:
        await self.client.aclose()

    def _request(self, query: ReceiptQuery) -> dict[str, object]:
        headers = callback_headers(self.secret, query.reference)
        return {
            "qrStr": query.canonical,
            # The provider counts receipts by user. It must not learn who sent one, so each receipt has its own user.
            "userUuid": str(uuid.uuid5(USER_NAMESPACE, query.reference)),
            "channel": self.settings.user or "scanback",
            "externalId": query.reference,
            "meta": {},
            "config": {"callback": {"url": self.settings.callback_url, "headers": headers, "method": "POST"}},
        }


def _read_submission(reply: exchange.Reply) -> ProviderAnswer:
    """Read the response to a submission: accepted (status and uuid) or not a receipt."""
    if reply.status in {400, 422}:
        return ProviderAnswer("bad_request", code=f"http_{reply.status}", http=reply.status, shape=SHAPE)
    if not 200 <= reply.status < 300:
        raise ProviderError(f"http_{reply.status}", reply.status)
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderError("garbage", reply.status) from error
    if not isinstance(answer, dict) or not isinstance(answer.get("uuid"), str):
        raise ProviderError("garbage", reply.status)
    return ProviderAnswer("waiting", code=str(answer.get("status", ""))[:64], http=reply.status, shape=SHAPE)


def read_callback(body: bytes) -> tuple[str, ProviderAnswer]:
    """The reference and the answer in a callback, which costs no request.

    Raises:
        CallbackUnreadable: the body does not have the documented shape, or is too long.
    """
    if len(body) > exchange.MAX_REPLY_BYTES:
        raise CallbackUnreadable("longer than any receipt")
    try:
        content = msgspec.json.decode(body, type=_CallbackBody)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CallbackUnreadable(str(error)) from error
    if not 0 < len(content.externalId) <= MAX_REFERENCE_LENGTH:
        raise CallbackUnreadable("no reference")
    code = content.rejectCode[:64]
    result = _callback_result(content, code)
    receipt = content.receipt if result == "found" else None
    return content.externalId, ProviderAnswer(result, receipt, code or content.status[:64], shape=SHAPE, spent=0)


def _callback_result(content: _CallbackBody, code: str) -> ProviderResult:
    """A receipt that fails only a promotion's rules is found; without its JSON it goes to review."""
    if code in REJECTIONS:
        return REJECTIONS[code]
    if content.receipt is not None:
        return "found"
    return "bad_request" if code else "waiting"


def callback_headers(secret: bytes, reference: str) -> dict[str, str]:
    """The headers that a callback about a reference must have.

    Raises:
        ValueError: there is no secret, or the reference does not fit into a header.
    """
    if (
        not secret
        or not 0 < len(reference) <= MAX_REFERENCE_LENGTH
        or not (reference.isascii() and reference.isprintable())
    ):
        raise ValueError("a callback needs a secret and a printable reference")
    digest = hmac.new(secret, b"receipt-callback:" + reference.encode(), hashlib.sha256).hexdigest()
    return {REFERENCE: reference, SIGNATURE: f"v1={digest}"}


def callback_valid(secret: bytes, headers: Mapping[str, str], reference: str) -> bool:
    """Whether a callback about a reference has our headers; header names are case-insensitive."""
    received = {name.lower(): value for name, value in headers.items()}
    try:
        expected = callback_headers(secret, reference)
    except ValueError:
        return False
    pairs = [(received.get(name.lower(), ""), value) for name, value in expected.items()]
    return all(hmac.compare_digest(given.encode(), value.encode()) for given, value in pairs)
