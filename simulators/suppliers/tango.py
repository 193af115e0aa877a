"""Simulates Tango Card's RaaS v2: orders by `externalRefID`, a list without rewards, details with them."""

import base64
import binascii

import msgspec
from litestar import Response, get, post

from simulators.requests import SimulatorRequest
from simulators.suppliers.certificates import VALID_UNTIL, SoldCertificate
from simulators.suppliers.supplier import SaleRefused, SupplierSimulator, json_response, supplier_of, to_kopecks

SERVICE = "tango"
ORDERS = "/raas/v2/orders"
CURRENCY = "RUB"  # each item of their catalogue has one; a request does not name it


class TangoOrderRequest(msgspec.Struct, frozen=True):
    """An order request; `amount` in whole units."""

    customerIdentifier: str  # noqa: N815 - their names
    accountIdentifier: str  # noqa: N815
    utid: str
    amount: float
    sendEmail: bool  # noqa: N815
    externalRefID: str = ""  # noqa: N815


@post(ORDERS)
async def order(request: SimulatorRequest) -> Response[bytes]:
    """Sell, once for an externalRefID; one a second."""
    if not _has_credentials(request):
        return _error_response("unauthorized", 401)
    try:
        body = msgspec.json.decode(await request.body(), type=TangoOrderRequest)
    except msgspec.DecodeError:
        return _error_response("invalid.request", 400)
    if body.sendEmail:
        return _error_response("recipient.required", 400)
    supplier = supplier_of(request)
    wanted = SoldCertificate(SERVICE, body.externalRefID, body.utid, to_kopecks(body.amount), CURRENCY)
    return await supplier.answer(SERVICE, body.externalRefID, lambda fault: _sell_certificate(supplier, wanted, fault))


@get(ORDERS)
async def list_orders(request: SimulatorRequest) -> Response[bytes]:
    """The orders of an externalRefID, without rewards."""
    if not _has_credentials(request):
        return _error_response("unauthorized", 401)
    supplier = supplier_of(request)
    reference = request.query_params.get("externalRefID", "")

    def truth(_: str) -> Response[bytes]:
        existing = supplier.book.sold.find(SERVICE, reference)
        orders = [_order_body(supplier, existing) | {"reward": None}] if existing else []
        return json_response({"page": {"number": 0, "resultCount": len(orders)}, "orders": orders})

    return await supplier.answer(SERVICE, reference, truth, counts=False)


@get(f"{ORDERS}/{{id_:str}}")
async def get_order(request: SimulatorRequest, id_: str) -> Response[bytes]:
    """An order with its reward."""
    supplier = supplier_of(request)
    existing = supplier.book.sold.find_by_id(SERVICE, id_.removeprefix("RA"))
    if not _has_credentials(request) or existing is None:
        return _error_response("not.found", 404)
    return await supplier.answer(
        SERVICE, existing.reference, lambda _: json_response(_order_body(supplier, existing)), counts=False
    )


def _has_credentials(request: SimulatorRequest) -> bool:
    """Whether the request has a platform name and key."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme == "Basic" and b":" in base64.b64decode(given, validate=True)
    except binascii.Error:
        return False


def _sell_certificate(supplier: SupplierSimulator, wanted: SoldCertificate, fault: str) -> Response[bytes]:
    try:
        certificate, _ = supplier.sell(wanted, fault)
    except SaleRefused as refused:
        return _error_response(refused.reason, refused.status)
    return json_response(_order_body(supplier, certificate), 201)


def _order_body(supplier: SupplierSimulator, certificate: SoldCertificate) -> dict[str, object]:
    is_ready = supplier.is_ready(certificate)
    status = "FAILED" if certificate.state == "failed" else "COMPLETE" if is_ready else "PENDING"
    money = {"value": certificate.face_value / 100, "currencyCode": certificate.currency}
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
        "amountCharged": money | {"exchangeRate": 1, "total": certificate.face_value / 100},
        "reward": {"credentialList": credentials} if is_ready and certificate.state == "sold" else None,
    }


def _error_response(key: str, status: int) -> Response[bytes]:
    error = {"path": "", "i18nKey": key, "message": key}
    return json_response({"httpCode": status, "path": ORDERS, "errors": [error]}, status)


ROUTES = (order, list_orders, get_order)
