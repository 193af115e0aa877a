"""Tango Card by its public API (RaaS v2), https://developers.tangocard.com/docs."""

import asyncio
import base64
from datetime import date
from urllib.parse import quote, urlencode

import msgspec
from httpx2 import AsyncClient

from payouts.partners import exchange, reply_parser
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.reply_parser import ResponseInvalid
from payouts.partners.supplier import PurchaseRequest, PurchaseResult, SupplierSettings

PATH = "/raas/v2/orders"
FAILED = {"FAILED", "CANCELED", "CANCELLED"}


class _Money(msgspec.Struct, frozen=True):
    value: float
    currencyCode: str  # noqa: N815 - their names


class _Credential(msgspec.Struct, frozen=True):
    value: str
    label: str = ""
    type: str = "text"


class _Reward(msgspec.Struct, frozen=True):
    credentialList: list[_Credential] | None = None  # noqa: N815
    credentials: dict[str, str] | None = None


class _Order(msgspec.Struct, frozen=True):
    """An order in the list, in its details and in the response to an order; the list has no reward."""

    referenceOrderID: str  # noqa: N815
    status: str
    externalRefID: str | None = None  # noqa: N815
    utid: str = ""
    denomination: _Money | None = None
    reward: _Reward | None = None


class _Listed(msgspec.Struct, frozen=True):
    orders: list[_Order]


class _Error(msgspec.Struct, frozen=True):
    i18nKey: str | None = None  # noqa: N815


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error]

    @property
    def word(self) -> str:
        return next((error.i18nKey for error in self.errors if error.i18nKey), "")


class TangoSupplier:
    """A client. `externalRefID` makes an order idempotent for 90 days: a retry gets the first order, even if it names
    another item.
    """

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")
        basic = base64.b64encode(settings.token.encode()).decode()
        self.headers = reply_parser.JSON_HEADERS | {"Authorization": f"Basic {basic}"}

    async def place_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Buy."""
        try:
            reply = await self._send_request("POST", "", msgspec.json.encode(self._order_body(request)))
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=True)
        if reply.status not in {200, 201, 202}:
            refusal = reply_parser.decode_body_or_none(reply, _Errors)
            return reply_parser.result_of_error_reply(reply, refusal.word if refusal else None, buying=True)
        return _purchase_result(reply, request)

    async def find_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Look up the order of a reference: the list for its id, then its details."""
        parameters = {
            "customerIdentifier": self.settings.customer,
            "accountIdentifier": self.settings.account,
            "externalRefID": request.reference,
        }
        try:
            reply = await self._send_request("GET", f"?{urlencode(parameters)}")
            if reply.status != 200:
                return reply_parser.result_of_error_reply(reply, None, buying=False)
            listed = _listed_order(reply, request)
            if listed is None:
                return PurchaseResult("refused", reason="not_found", http=200)
            await asyncio.sleep(self.settings.pause)
            reply = await self._send_request("GET", f"/{quote(listed.referenceOrderID, safe='')}")
        except NoReply as error:
            return reply_parser.result_without_reply(error, buying=False)
        except ResponseInvalid as error:
            return PurchaseResult("unknown", reason=error.reason, http=200)
        return (
            _purchase_result(reply, request)
            if reply.status == 200
            else reply_parser.result_of_error_reply(reply, None, buying=False)
        )

    async def close(self) -> None:
        await self.client.aclose()

    def _order_body(self, request: PurchaseRequest) -> dict[str, object]:
        """The body of an order. No mail is sent, so no recipient is named."""
        return {
            "customerIdentifier": self.settings.customer,
            "accountIdentifier": self.settings.account,
            "externalRefID": request.reference,
            "utid": request.product,
            "amount": reply_parser.to_currency_units(request.face_value),
            "sendEmail": False,
        }

    async def _send_request(self, method: str, path: str, content: bytes = b"") -> Reply:
        url = self.settings.url.rstrip("/") + PATH + path
        return await exchange.send_request(
            self.client, method, url, timeout_seconds=self.settings.timeout, headers=self.headers, content=content
        )


def _listed_order(reply: Reply, request: PurchaseRequest) -> _Order | None:
    """The order in a list, None if the list is empty.

    Raises:
        ResponseInvalid: there are several orders, or it has another reference.
    """
    orders = reply_parser.decode_body(reply, _Listed).orders
    reply_parser.check_single_order(orders)
    if orders and orders[0].externalRefID != request.reference:
        raise ResponseInvalid("wrong_reference")
    return orders[0] if orders else None


def _purchase_result(reply: Reply, request: PurchaseRequest) -> PurchaseResult:
    """The result of an order in their response."""
    order = reply_parser.decode_body_or_none(reply, _Order)
    if order is None:
        return PurchaseResult("unknown", reason="garbage", http=reply.status)
    supplier_order_id = reply_parser.storable_reference(order.referenceOrderID)
    if order.status in FAILED and order.externalRefID == request.reference:
        return PurchaseResult("refused", reference=supplier_order_id, reason="failed", http=reply.status)
    if order.status != "COMPLETE":
        return PurchaseResult("unknown", reference=supplier_order_id, reason="pending", http=reply.status)
    try:
        code, valid_until = _read_certificate(order, request)
    except ResponseInvalid as error:
        return PurchaseResult("unknown", reference=supplier_order_id, reason=error.reason, http=reply.status)
    return PurchaseResult("sold", code, order.referenceOrderID, valid_until, http=reply.status)


def _read_certificate(order: _Order, request: PurchaseRequest) -> tuple[str, date | None]:
    """The code of a complete order, and its last day.

    Raises:
        ResponseInvalid: it does not match the request.
    """
    money = order.denomination
    if money is None or order.reward is None:
        raise ResponseInvalid("garbage")
    reply_parser.check_order_matches(
        request,
        reference=order.externalRefID,
        amount=money.value,
        currency=money.currencyCode,
        product=order.utid,
    )
    code, valid_until = _read_credentials(order.reward)
    reply_parser.check_certificate(code, order.referenceOrderID)
    return code, valid_until


def _read_credentials(reward: _Reward) -> tuple[str, date | None]:
    """The code for the agent: one value as is, several with labels, one a line. A date is the last day."""
    credentials = reward.credentialList or [
        _Credential(value, label) for label, value in (reward.credentials or {}).items()
    ]
    days = [day for day in (_read_day(credential) for credential in credentials) if day]
    shown = [credential for credential in credentials if _read_day(credential) is None]
    if any("\n" in each.label + each.value for each in shown) or not all(each.value for each in shown):
        raise ResponseInvalid("bad_code")
    if len(shown) == 1:
        return shown[0].value, min(days, default=None)
    return "\n".join(f"{each.label}: {each.value}" for each in shown), min(days, default=None)


def _read_day(credential: _Credential) -> date | None:
    """The day of a credential of type date (RFC 3339), otherwise None."""
    if credential.type != "date":
        return None
    try:
        return date.fromisoformat(credential.value[:10])
    except ValueError:
        return None
