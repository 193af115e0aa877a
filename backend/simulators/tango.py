"""Tango Card's RaaS v2, played: orders under an `externalRefID`, a list without rewards, details with them."""

import base64
import binascii
from typing import Any

import msgspec
from litestar import Request, Response, get, post

from backend.simulators.counter import Counter, Refused, counter_of, kopecks, told
from backend.simulators.shop import VALID_UNTIL, Certificate

SERVICE = "tango"
ORDERS = "/raas/v2/orders"
CURRENCY = "RUB"  # an item of their catalogue has one; nobody asks for it


class Ordered(msgspec.Struct, frozen=True):
    """An order asked for; `amount` in whole units."""

    customerIdentifier: str  # noqa: N815 - their names
    accountIdentifier: str  # noqa: N815
    utid: str
    amount: float
    sendEmail: bool  # noqa: N815
    externalRefID: str = ""  # noqa: N815


@post(ORDERS)
async def order(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Sell, once for an externalRefID; one a second."""
    if not _is_known(request):
        return _error("unauthorized", 401)
    try:
        asked = msgspec.json.decode(await request.body(), type=Ordered)
    except msgspec.DecodeError:
        return _error("invalid.request", 400)
    if asked.sendEmail:
        return _error("recipient.required", 400)
    counter = counter_of(request)
    wanted = Certificate(SERVICE, asked.externalRefID, asked.utid, kopecks(asked.amount), CURRENCY)
    return await counter.answer(SERVICE, asked.externalRefID, lambda fault: _sold(counter, wanted, fault))


@get(ORDERS)
async def listed(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The orders of an externalRefID, without rewards."""
    if not _is_known(request):
        return _error("unauthorized", 401)
    counter = counter_of(request)
    reference = request.query_params.get("externalRefID", "")

    def truth(_: str) -> Response[bytes]:
        known = counter.book.shop.found(SERVICE, reference)
        orders = [_shown(counter, known) | {"reward": None}] if known else []
        return told({"page": {"number": 0, "resultCount": len(orders)}, "orders": orders})

    return await counter.answer(SERVICE, reference, truth, counts=False)


@get(f"{ORDERS}/{{id_:str}}")
async def detailed(request: Request[Any, Any, Any], id_: str) -> Response[bytes]:
    """An order with its reward."""
    counter = counter_of(request)
    known = counter.book.shop.by_id(SERVICE, id_.removeprefix("RA"))
    if not _is_known(request) or known is None:
        return _error("not.found", 404)
    return await counter.answer(SERVICE, known.reference, lambda _: told(_shown(counter, known)), counts=False)


def _is_known(request: Request[Any, Any, Any]) -> bool:
    """Whether a platform's name and key came."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme == "Basic" and b":" in base64.b64decode(given, validate=True)
    except binascii.Error:
        return False


def _sold(counter: Counter, wanted: Certificate, fault: str) -> Response[bytes]:
    try:
        certificate, _ = counter.sell(wanted, fault)
    except Refused as refused:
        return _error(refused.word, refused.status)
    return told(_shown(counter, certificate), 201)


def _shown(counter: Counter, certificate: Certificate) -> dict[str, Any]:
    is_ready = counter.is_ready(certificate)
    status = "FAILED" if certificate.state == "failed" else "COMPLETE" if is_ready else "PENDING"
    money = {"value": certificate.nominal / 100, "currencyCode": certificate.currency}
    credentials = [
        {"label": "Code", "value": certificate.code, "type": "text", "credentialType": "redemptionCode"},
        {"label": "Valid until", "value": f"{VALID_UNTIL}T00:00:00Z", "type": "date", "credentialType": "date"},
    ]
    return {
        "referenceOrderID": f"RA{certificate.id}",
        "externalRefID": certificate.reference,
        "utid": certificate.product,
        "status": status,
        "denomination": money,
        "amountCharged": money | {"exchangeRate": 1, "total": certificate.nominal / 100},
        "reward": {"credentialList": credentials} if is_ready and certificate.state == "sold" else None,
    }


def _error(word: str, status: int) -> Response[bytes]:
    error = {"path": "", "i18nKey": word, "message": word}
    return told({"httpCode": status, "path": ORDERS, "errors": [error]}, status)


DOORS = (order, listed, detailed)
