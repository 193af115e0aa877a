"""Simulates a local aggregator by the contract in docs/suppliers.md."""

import msgspec
from litestar import Response, get, put

from simulators.requests import SimulatorRequest
from simulators.suppliers.certificates import VALID_UNTIL, SoldCertificate
from simulators.suppliers.supplier import SaleRefused, SupplierSimulator, json_response, supplier_of

SERVICE = "generic"
ORDERS = "/aggregator/orders/{reference:str}"


class GenericOrderRequest(msgspec.Struct, frozen=True):
    """An order request; `nominal` in kopecks."""

    product: str
    nominal: int
    currency: str


@put(ORDERS)
async def order(request: SimulatorRequest, reference: str) -> Response[bytes]:
    """Sell, once for a reference."""
    if not _has_token(request):
        return json_response({"code": "unauthorized"}, 401)
    try:
        body = msgspec.json.decode(await request.body(), type=GenericOrderRequest)
    except msgspec.DecodeError:
        return json_response({"code": "invalid"}, 400)
    supplier = supplier_of(request)
    wanted = SoldCertificate(SERVICE, reference, body.product, body.nominal, body.currency)
    return await supplier.answer(SERVICE, reference, lambda fault: _sell_certificate(supplier, wanted, fault))


@get(ORDERS)
async def get_order(request: SimulatorRequest, reference: str) -> Response[bytes]:
    """The order of a reference."""
    if not _has_token(request):
        return json_response({"code": "unauthorized"}, 401)
    supplier = supplier_of(request)

    def truth(_: str) -> Response[bytes]:
        existing = supplier.book.sold.find(SERVICE, reference)
        if existing is None or existing.state == "failed":
            return json_response({"code": "not_found"}, 404)
        return _order_response(supplier, existing, 200)

    return await supplier.answer(SERVICE, reference, truth, counts=False)


def _has_token(request: SimulatorRequest) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _sell_certificate(supplier: SupplierSimulator, wanted: SoldCertificate, fault: str) -> Response[bytes]:
    try:
        certificate, was_there = supplier.sell(wanted, fault)
    except SaleRefused as refused:
        return json_response({"code": refused.reason}, refused.status)
    sold = (certificate.product, certificate.requested, certificate.currency)
    if sold != (wanted.product, wanted.requested, wanted.currency):
        return json_response({"code": "conflict"}, 409)
    if certificate.state == "failed":
        return json_response({"code": "failed"}, 422)
    return _order_response(supplier, certificate, 200 if was_there else 201)


def _order_response(supplier: SupplierSimulator, certificate: SoldCertificate, status: int) -> Response[bytes]:
    if not supplier.is_ready(certificate):
        return json_response({"code": "pending"}, 202)
    body = {
        "id": certificate.id,
        "reference": certificate.reference,
        "product": certificate.product,
        "nominal": certificate.face_value,
        "currency": certificate.currency,
        "code": certificate.code,
        "valid_until": VALID_UNTIL,
    }
    return json_response(body, status)


ROUTES = (order, get_order)
