"""Maps HTTP replies of suppliers to purchase results, and validates the orders in them."""

import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from payouts.partners.exchange import NoReply, Reply
from payouts.partners.supplier import PurchaseOutcome, PurchaseRequest, PurchaseResult

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
# These refuse an order for good if they carry a reason. 408 and 409 do not: a 408 may follow an accepted order, and a
# 409 means that something was sold under our reference.
REFUSAL_STATUSES = {400, 401, 402, 403, 404, 405, 406, 410, 413, 415, 422}
MAX_CODE_LENGTH, MAX_REFERENCE_LENGTH, MAX_REASON_LENGTH = 2000, 120, 60
REASON_PATTERN = re.compile(rf"[A-Za-z0-9_.-]{{1,{MAX_REASON_LENGTH}}}")

T = TypeVar("T")


class ResponseInvalid(Exception):
    """The reply is not a documented one, or does not match the request. `reason` is for machines."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def result_without_reply(error: NoReply, *, buying: bool) -> PurchaseResult:
    """The result when no reply came: `busy` (nothing sold) only for an order that never left this machine."""
    result: PurchaseOutcome = "unknown" if error.sent or not buying else "busy"
    return PurchaseResult(result, reason=error.code, http=error.http)


def result_of_error_reply(reply: Reply, reason: str | None, *, buying: bool) -> PurchaseResult:
    """The result of a reply other than 2xx; `reason` is the supplier's documented reason, None if there is none.

    For a lookup it is always `unknown`. For an order, a 429 and a refusal with a reason prove that nothing was sold; a
    bare 4xx may come from any proxy on the way.
    """
    shown_reason = reason if reason and REASON_PATTERN.fullmatch(reason) else f"http_{reply.status}"
    if buying and reply.status == 429:
        return PurchaseResult("busy", reason="http_429", http=429, retry_after=reply.retry_after)
    result: PurchaseOutcome = (
        "refused" if buying and reason is not None and reply.status in REFUSAL_STATUSES else "unknown"
    )
    return PurchaseResult(result, reason=shown_reason, http=reply.status, retry_after=reply.retry_after)


def decode_body(reply: Reply, type_: type[T]) -> T:
    """Decode a body in the supplier's documented form.

    Raises:
        ResponseInvalid: the body has another form.
    """
    try:
        return msgspec.json.decode(reply.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResponseInvalid("garbage") from error


def decode_body_or_none(reply: Reply, type_: type[T]) -> T | None:
    """Decode a body, None if it has another form."""
    try:
        return decode_body(reply, type_)
    except ResponseInvalid:
        return None


def to_currency_units(face_value: int) -> float:
    """Kopecks in roubles for JSON: the nearest double, which parses back from the same text."""
    return face_value // 100 if face_value % 100 == 0 else face_value / 100


def check_single_order(orders: list[T]) -> None:
    """Check that there is at most one order under a reference.

    Raises:
        ResponseInvalid: there are several; staff have to decide.
    """
    if len(orders) > 1:
        raise ResponseInvalid("several_orders")


def check_order_matches(
    request: PurchaseRequest, *, reference: str | None, amount: float, currency: str | None, product: str | None = None
) -> None:
    """Compare the supplier's order with our request; `amount` is in whole units of the currency.

    Raises:
        ResponseInvalid: reference, product, currency or amount differ.
    """
    if reference != request.reference:
        raise ResponseInvalid("wrong_reference")
    if product is not None and product != request.product:
        raise ResponseInvalid("wrong_product")
    if currency != request.currency:
        raise ResponseInvalid("wrong_currency")
    if amount != to_currency_units(request.face_value):
        raise ResponseInvalid("wrong_amount")


def storable_reference(reference: str) -> str:
    """The supplier's order id if it can be stored, otherwise an empty string. Staff need it for inquiries."""
    return reference if len(reference) <= MAX_REFERENCE_LENGTH and reference.isprintable() else ""


def check_certificate(code: str, reference: str) -> None:
    """Check that a code and the supplier's order id can be stored and shown.

    Raises:
        ResponseInvalid: they are empty, too long, or not printable.
    """
    if not storable_reference(reference):
        raise ResponseInvalid("bad_reference")
    if not 0 < len(code.strip()) <= MAX_CODE_LENGTH or not all(line.isprintable() for line in code.split("\n")):
        raise ResponseInvalid("bad_code")


def check_link(link: str) -> None:
    """Check that a certificate's link is an https URL.

    Raises:
        ResponseInvalid: it is not.
    """
    try:
        parts = urlsplit(link)
    except ValueError as error:
        raise ResponseInvalid("bad_link") from error
    if parts.scheme != "https" or not parts.hostname:
        raise ResponseInvalid("bad_link")
