"""Tremendous, played: orders under an `external_id`, links apart from orders that are shown again."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post

from backend.simulators.counter import Counter, Refused, counter_of, kopecks, told
from backend.simulators.shop import Certificate

SERVICE = "tremendous"
ORDERS = "/api/v2/orders"
EXISTED = 201  # their word for an order whose external_id was used before; a new one is 200


class Value(msgspec.Struct, frozen=True):
    """In whole units."""

    denomination: float
    currency_code: str


class Delivery(msgspec.Struct, frozen=True):
    """LINK, EMAIL or PHONE."""

    method: str


class Reward(msgspec.Struct, frozen=True):
    """A reward asked for."""

    value: Value
    delivery: Delivery
    products: list[str]
    recipient: dict[str, str]


class Payment(msgspec.Struct, frozen=True):
    """Whose money."""

    funding_source_id: str


class Ordered(msgspec.Struct, frozen=True):
    """An order asked for."""

    reward: Reward
    payment: Payment
    external_id: str = ""


@post(ORDERS)
async def order(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Sell, once for an external_id."""
    if not _is_known(request):
        return _error("Unauthorized", 401)
    try:
        asked = msgspec.json.decode(await request.body(), type=Ordered)
    except msgspec.DecodeError as error:
        return _error(f"Order failed: {error}", 422)
    if asked.reward.delivery.method != "LINK" or not asked.reward.products:
        return _error("Order failed: the stand-in delivers links of a product", 422)
    counter = counter_of(request)
    value = asked.reward.value
    wanted = Certificate(
        SERVICE, asked.external_id, asked.reward.products[0], kopecks(value.denomination), value.currency_code
    )
    return await counter.answer(SERVICE, asked.external_id, lambda fault: _sold(counter, wanted, fault))


@get(ORDERS)
async def listed(request: Request[Any, Any, Any], external_id: str = "") -> Response[bytes]:
    """The orders of an external_id."""
    if not _is_known(request):
        return _error("Unauthorized", 401)
    counter = counter_of(request)

    def truth(_: str) -> Response[bytes]:
        known = counter.book.shop.found(SERVICE, external_id)
        orders = [_shown(counter, known, with_link=False)] if known else []
        return told({"orders": orders, "total_count": len(orders)})

    return await counter.answer(SERVICE, external_id, truth)


@post("/api/v2/rewards/{id_:str}/generate_link")
async def link(request: Request[Any, Any, Any], id_: str) -> Response[bytes]:
    """The link of a reward."""
    counter = counter_of(request)
    known = counter.book.shop.by_id(SERVICE, id_.removeprefix("R"))
    if not _is_known(request) or known is None:
        return _error("Not found", 404)
    reward = {"id": id_, "order_id": known.id, "link": _link(known)}
    return await counter.answer(SERVICE, known.reference, lambda _: told({"reward": reward}))


def _is_known(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer ")


def _sold(counter: Counter, wanted: Certificate, fault: str) -> Response[bytes]:
    try:
        certificate, was_there = counter.sell(wanted, fault)
    except Refused as refused:
        return _error(f"Order failed: {refused.word}", refused.status)
    return told({"order": _shown(counter, certificate, with_link=not was_there)}, EXISTED if was_there else 200)


def _shown(counter: Counter, certificate: Certificate, *, with_link: bool) -> dict[str, Any]:
    is_ready = counter.is_ready(certificate)
    status = "FAILED" if certificate.state == "failed" else "EXECUTED" if is_ready else "PENDING APPROVAL"
    units = certificate.nominal / 100
    delivery = {"method": "LINK", "status": "SUCCEEDED"}
    if with_link and is_ready:
        delivery["link"] = _link(certificate)
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


def _link(certificate: Certificate) -> str:
    return f"https://reward.example.invalid/rewards/payout/{certificate.code}"


def _error(message: str, status: int) -> Response[bytes]:
    return told({"errors": {"message": message, "payload": {}}}, status)


DOORS = (order, listed, link)
