"""A local aggregator, played by the contract in docs/suppliers.md."""

from typing import Any

import msgspec
from litestar import Request, Response, get, put

from backend.simulators.counter import Counter, Refused, counter_of, told
from backend.simulators.shop import VALID_UNTIL, Certificate

SERVICE = "generic"
ORDERS = "/aggregator/orders/{reference:str}"


class Ordered(msgspec.Struct, frozen=True):
    """What is asked for; `nominal` in kopecks."""

    product: str
    nominal: int
    currency: str


@put(ORDERS)
async def order(request: Request[Any, Any, Any], reference: str) -> Response[bytes]:
    """Sell, once for a reference."""
    if not _is_known(request):
        return told({"code": "unauthorized"}, 401)
    try:
        asked = msgspec.json.decode(await request.body(), type=Ordered)
    except msgspec.DecodeError:
        return told({"code": "invalid"}, 400)
    counter = counter_of(request)
    wanted = Certificate(SERVICE, reference, asked.product, asked.nominal, asked.currency)
    return await counter.answer(SERVICE, reference, lambda fault: _sold(counter, wanted, fault))


@get(ORDERS)
async def shown(request: Request[Any, Any, Any], reference: str) -> Response[bytes]:
    """The order of a reference."""
    if not _is_known(request):
        return told({"code": "unauthorized"}, 401)
    counter = counter_of(request)

    def truth(_: str) -> Response[bytes]:
        known = counter.book.shop.found(SERVICE, reference)
        if known is None or known.state == "failed":
            return told({"code": "not_found"}, 404)
        return _show(counter, known, 200)

    return await counter.answer(SERVICE, reference, truth, counts=False)


def _is_known(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _sold(counter: Counter, wanted: Certificate, fault: str) -> Response[bytes]:
    try:
        certificate, was_there = counter.sell(wanted, fault)
    except Refused as refused:
        return told({"code": refused.word}, refused.status)
    asked = (certificate.product, certificate.asked, certificate.currency)
    if asked != (wanted.product, wanted.asked, wanted.currency):
        return told({"code": "conflict"}, 409)
    if certificate.state == "failed":
        return told({"code": "failed"}, 422)
    return _show(counter, certificate, 200 if was_there else 201)


def _show(counter: Counter, certificate: Certificate, status: int) -> Response[bytes]:
    if not counter.is_ready(certificate):
        return told({"code": "pending"}, 202)
    shown = {
        "id": certificate.id,
        "reference": certificate.reference,
        "product": certificate.product,
        "nominal": certificate.nominal,
        "currency": certificate.currency,
        "code": certificate.code,
        "valid_until": VALID_UNTIL,
    }
    return told(shown, status)


DOORS = (order, shown)
