"""Tremendous: rewards as links, by its public API (v2), https://developers.tremendous.com/reference."""

import asyncio
from urllib.parse import quote, urlencode

import msgspec
from httpx2 import AsyncClient

from payouts.partners import exchange, reply_parser
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.reply_parser import ResponseInvalid
from payouts.partners.supplier import PurchaseRequest, PurchaseResult, SupplierSettings

PATH = "/api/v2"
FAILED = {"FAILED", "CANCELED"}
PENDING = {"CART", "PENDING APPROVAL", "PENDING INTERNAL PAYMENT APPROVAL"}


class _Value(msgspec.Struct, frozen=True):
    denomination: float
    currency_code: str


class _Delivery(msgspec.Struct, frozen=True):
    link: str | None = None


class _Reward(msgspec.Struct, frozen=True):
    id: str
    value: _Value
    delivery: _Delivery = _Delivery()


class _Order(msgspec.Struct, frozen=True):
    id: str
    status: str
    external_id: str | None = None
    rewards: list[_Reward] = []


class _OrderResponse(msgspec.Struct, frozen=True):
    order: _Order


class _OrderList(msgspec.Struct, frozen=True):
    orders: list[_Order]


class _LinkResponse(msgspec.Struct, frozen=True):
    reward: _Delivery


class _Error(msgspec.Struct, frozen=True):
    message: str


class _Errors(msgspec.Struct, frozen=True):
    errors: _Error


class TremendousSupplier:
    """A client. `external_id` makes an order idempotent: a retry gets the first order (HTTP 201)."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")

    async def place_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Buy; if the response has no link, a second request fetches it."""
        try:
            reply = await self._send_request("POST", "/orders", msgspec.json.encode(self._order_body(request)))
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=True)
        if reply.status not in {200, 201, 202}:
            refusal = reply_parser.decode_body_or_none(reply, _Errors)
            # Their errors have no codes, only sentences: the status is the reason.
            return reply_parser.result_of_error_reply(reply, "" if refusal else None, buying=True)
        response = reply_parser.decode_body_or_none(reply, _OrderResponse)
        if response is None:
            return PurchaseResult("unknown", reason="garbage", http=reply.status)
        return await self._purchase_result(response.order, request, reply)

    async def find_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Look up the order of a reference and fetch its link: two requests at most."""
        try:
            reply = await self._send_request("GET", f"/orders?{urlencode({'external_id': request.reference})}")
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=False)
        if reply.status != 200:
            return reply_parser.result_of_error_reply(reply, None, buying=False)
        try:
            orders = reply_parser.decode_body(reply, _OrderList).orders
            if not orders:
                return PurchaseResult("refused", reason="not_found", http=200)
            reply_parser.check_single_order(orders)
        except ResponseInvalid as error:
            return PurchaseResult("unknown", reason=error.reason, http=reply.status)
        return await self._purchase_result(orders[0], request, reply)

    async def close(self) -> None:
        await self.client.aclose()

    def _order_body(self, request: PurchaseRequest) -> dict[str, object]:
        """The body of an order. The agent is not named: the recipient has the name of the order."""
        reward = {
            "value": {
                "denomination": reply_parser.to_currency_units(request.face_value),
                "currency_code": request.currency,
            },
            "delivery": {"method": "LINK"},
            "recipient": {"name": request.reference},
            "products": [request.product],
        }
        return {
            "external_id": request.reference,
            "payment": {"funding_source_id": self.settings.account or "BALANCE"},
            "reward": reward,
        }

    async def _purchase_result(self, order: _Order, request: PurchaseRequest, reply: Reply) -> PurchaseResult:
        """The result of an order in their response."""
        supplier_order_id = reply_parser.storable_reference(order.id)
        if order.status in FAILED and order.external_id == request.reference:
            return PurchaseResult("refused", reference=supplier_order_id, reason="failed", http=reply.status)
        if order.status in PENDING:
            return PurchaseResult("unknown", reference=supplier_order_id, reason="pending", http=reply.status)
        try:
            link = await self._read_certificate(order, request)
        except ResponseInvalid as error:
            return PurchaseResult("unknown", reference=supplier_order_id, reason=error.reason, http=reply.status)
        return PurchaseResult("sold", link, order.id, http=reply.status)

    async def _read_certificate(self, order: _Order, request: PurchaseRequest) -> str:
        """The link of an executed order.

        Raises:
            ResponseInvalid: it does not match the request, or there is no link.
        """
        if order.status != "EXECUTED" or len(order.rewards) != 1:
            raise ResponseInvalid("garbage")
        reward = order.rewards[0]
        value = reward.value
        reply_parser.check_order_matches(
            request, reference=order.external_id, amount=value.denomination, currency=value.currency_code
        )
        link = reward.delivery.link or await self._fetch_link(reward)
        reply_parser.check_certificate(link, order.id)
        reply_parser.check_link(link)
        return link

    async def _fetch_link(self, reward: _Reward) -> str:
        """Fetch the link of a reward: an order that is returned again has none.

        Raises:
            ResponseInvalid: there is no link yet. The order stays `unknown` and is retried.
        """
        await asyncio.sleep(self.settings.pause)
        try:
            reply = await self._send_request("POST", f"/rewards/{quote(reward.id, safe='')}/generate_link", b"{}")
        except NoReply as error:
            raise ResponseInvalid("no_link") from error
        if reply.status not in {200, 201}:
            raise ResponseInvalid("no_link")
        return reply_parser.decode_body(reply, _LinkResponse).reward.link or ""

    async def _send_request(self, method: str, path: str, content: bytes = b"") -> Reply:
        url = self.settings.url.rstrip("/") + PATH + path
        headers = reply_parser.JSON_HEADERS | {"Authorization": f"Bearer {self.settings.token}"}
        return await exchange.send_request(
            self.client, method, url, timeout_seconds=self.settings.timeout, headers=headers, content=content
        )
