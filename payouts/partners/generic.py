"""Certificates of a local aggregator, by the contract in docs/suppliers.md."""

from datetime import date

import msgspec
from httpx2 import AsyncClient

from payouts.partners import exchange, reply_parser
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.reply_parser import ResponseInvalid
from payouts.partners.supplier import PurchaseRequest, PurchaseResult, SupplierSettings


class _Order(msgspec.Struct, frozen=True):
    """Our order in the aggregator's form; amounts in kopecks."""

    id: str
    reference: str
    product: str
    nominal: int
    currency: str
    code: str | None = None
    valid_until: date | None = None


class _Refusal(msgspec.Struct, frozen=True):
    code: str


class GenericSupplier:
    """A client. Our reference is part of the order's URL, so a retry cannot buy twice."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")

    async def place_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Buy."""
        content = msgspec.json.encode(
            {"product": request.product, "nominal": request.face_value, "currency": request.currency}
        )
        try:
            reply = await self._send_request("PUT", request, content)
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=True)
        refusal = reply_parser.decode_body_or_none(reply, _Refusal)
        if reply.status == 503 and refusal and refusal.code == "maintenance":
            return PurchaseResult("busy", reason=refusal.code, http=503, retry_after=reply.retry_after)
        return _purchase_result(reply, request, refusal, buying=True)

    async def find_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Look up the order of a reference."""
        try:
            reply = await self._send_request("GET", request)
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=False)
        refusal = reply_parser.decode_body_or_none(reply, _Refusal)
        # A bare 404 may come from any proxy on the way; only the aggregator's own code counts.
        if reply.status == 404 and refusal and refusal.code == "not_found":
            return PurchaseResult("refused", reason="not_found", http=404)
        return _purchase_result(reply, request, refusal, buying=False)

    async def close(self) -> None:
        await self.client.aclose()

    async def _send_request(self, method: str, request: PurchaseRequest, content: bytes = b"") -> Reply:
        url = f"{self.settings.url.rstrip('/')}/orders/{request.reference}"
        headers = reply_parser.JSON_HEADERS | {"Authorization": f"Bearer {self.settings.token}"}
        return await exchange.send_request(
            self.client, method, url, timeout_seconds=self.settings.timeout, headers=headers, content=content
        )


def _purchase_result(
    reply: Reply, request: PurchaseRequest, refusal: _Refusal | None, *, buying: bool
) -> PurchaseResult:
    if reply.status == 202:
        return PurchaseResult("unknown", reason="pending", http=202, retry_after=reply.retry_after)
    if reply.status not in {200, 201}:
        return reply_parser.result_of_error_reply(reply, refusal.code if refusal else None, buying=buying)
    order = reply_parser.decode_body_or_none(reply, _Order)
    if order is None:
        return PurchaseResult("unknown", reason="garbage", http=reply.status)
    code = order.code or ""
    try:
        reply_parser.check_order_matches(
            request,
            reference=order.reference,
            amount=order.nominal / 100,
            currency=order.currency,
            product=order.product,
        )
        reply_parser.check_certificate(code, order.id)
    except ResponseInvalid as error:
        return PurchaseResult(
            "unknown", reference=reply_parser.storable_reference(order.id), reason=error.reason, http=reply.status
        )
    return PurchaseResult("sold", code, order.id, order.valid_until, http=reply.status)
