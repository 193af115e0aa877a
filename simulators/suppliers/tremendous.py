"""Simulates Tremendous: orders by `external_id`; an order that is returned again has no link."""

import msgspec
from litestar import Response, get, post

from simulators.requests import SimulatorRequest
from simulators.suppliers.certificates import SoldCertificate
from simulators.suppliers.supplier import SaleRefused, SupplierSimulator, json_response, supplier_of, to_kopecks

SERVICE = "tremendous"
ORDERS = "/api/v2/orders"
EXISTED = 201  # for an order whose external_id was used before; a new one is 200


class Value(msgspec.Struct, frozen=True):
    """In whole units."""

    denomination: float
    currency_code: str


class Delivery(msgspec.Struct, frozen=True):
    """LINK, EMAIL or PHONE."""

    method: str


class Reward(msgspec.Struct, frozen=True):
    """A requested reward."""

    value: Value
    delivery: Delivery
    products: list[str]
    recipient: dict[str, str]


class Payment(msgspec.Struct, frozen=True):
    """The account that pays."""

    funding_source_id: str


class TremendousOrderRequest(msgspec.Struct, frozen=True):
    """An order request."""

    reward: Reward
    payment: Payment
    external_id: str = ""


@post(ORDERS)
async def order(request: SimulatorRequest) -> Response[bytes]:
    """Sell, once for an external_id."""
    if not _has_token(request):
        return _error_response("Unauthorized", 401)
    try:
        body = msgspec.json.decode(await request.body(), type=TremendousOrderRequest)
    except msgspec.DecodeError as error:
        return _error_response(f"Order failed: {error}", 422)
    if body.reward.delivery.method != "LINK" or not body.reward.products:
        return _error_response("Order failed: the simulator delivers links of a product", 422)
    supplier = supplier_of(request)
    value = body.reward.value
    wanted = SoldCertificate(
        SERVICE, body.external_id, body.reward.products[0], to_kopecks(value.denomination), value.currency_code
    )
    return await supplier.answer(SERVICE, body.external_id, lambda fault: _sell_certificate(supplier, wanted, fault))


@get(ORDERS)
async def list_orders(request: SimulatorRequest, external_id: str = "") -> Response[bytes]:
    """The orders of an external_id."""
    if not _has_token(request):
        return _error_response("Unauthorized", 401)
    supplier = supplier_of(request)

    def truth(_: str) -> Response[bytes]:
        existing = supplier.book.sold.find(SERVICE, external_id)
        orders = [_order_body(supplier, existing, with_link=False)] if existing else []
        return json_response({"orders": orders, "total_count": len(orders)})

    return await supplier.answer(SERVICE, external_id, truth)


@post("/api/v2/rewards/{id_:str}/generate_link")
async def generate_link(request: SimulatorRequest, id_: str) -> Response[bytes]:
    """The link of a reward."""
    supplier = supplier_of(request)
    existing = supplier.book.sold.find_by_id(SERVICE, id_.removeprefix("R"))
    if not _has_token(request) or existing is None:
        return _error_response("Not found", 404)
    reward = {"id": id_, "order_id": existing.id, "link": _certificate_link(existing)}
    return await supplier.answer(SERVICE, existing.reference, lambda _: json_response({"reward": reward}))


def _has_token(request: SimulatorRequest) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _sell_certificate(supplier: SupplierSimulator, wanted: SoldCertificate, fault: str) -> Response[bytes]:
    try:
        certificate, was_there = supplier.sell(wanted, fault)
    except SaleRefused as refused:
        return _error_response(f"Order failed: {refused.reason}", refused.status)
    return json_response(
        {"order": _order_body(supplier, certificate, with_link=not was_there)}, EXISTED if was_there else 200
    )


def _order_body(supplier: SupplierSimulator, certificate: SoldCertificate, *, with_link: bool) -> dict[str, object]:
    is_ready = supplier.is_ready(certificate)
    status = "FAILED" if certificate.state == "failed" else "EXECUTED" if is_ready else "PENDING APPROVAL"
    units = certificate.face_value / 100
    delivery = {"method": "LINK", "status": "SUCCEEDED"}
    if with_link and is_ready:
        delivery["link"] = _certificate_link(certificate)
    reward = {
        "id": f"R{certificate.id}",
        "order_id": certificate.id,
        "value": {"denomination": units, "currency_code": certificate.currency},
        "delivery": delivery,
    }
    return {
        "id": certificate.id,
        "external_id": certificate.reference,
        "status": status,
        "channel": "API",
        "payment": {"subtotal": units, "total": units, "fees": 0.0},
        "rewards": [reward],
    }


def _certificate_link(certificate: SoldCertificate) -> str:
    return f"https://reward.example.invalid/rewards/payout/{certificate.code}"


def _error_response(message: str, status: int) -> Response[bytes]:
    return json_response({"errors": {"message": message, "payload": {}}}, status)


ROUTES = (order, list_orders, generate_link)
