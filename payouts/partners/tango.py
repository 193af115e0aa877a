"""Tango Card's rewards as a service, by its public API (RaaS v2), https://developers.tangocard.com/docs."""

import asyncio
import base64
from datetime import date
from urllib.parse import quote, urlencode

import msgspec
from httpx2 import AsyncClient

from payouts.partners import answering, exchange
from payouts.partners.answering import Unclear
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.supplying import Sold, SupplierSettings, Wanted

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
    """An order as the list, the details and the answer to an order show it; the list has no reward."""

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


class Tango:
    """A client. `externalRefID` makes an order idempotent for 90 days: a repetition is answered with the first order,
    even if it asks for another thing."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")
        basic = base64.b64encode(settings.token.encode()).decode()
        self.headers = answering.JSON_HEADERS | {"Authorization": f"Basic {basic}"}

    async def order(self, wanted: Wanted) -> Sold:
        """Buy."""
        try:
            reply = await self._call("POST", "", msgspec.json.encode(self._request(wanted)))
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=True)
        if reply.status not in {200, 201, 202}:
            refusal = answering.read_or_none(reply, _Errors)
            return answering.turned_away(reply, refusal.word if refusal else None, buying=True)
        return _judged(reply, wanted)

    async def look(self, wanted: Wanted) -> Sold:
        """Ask what became of the reference: the list for its id, then the order itself."""
        asked = {
            "customerIdentifier": self.settings.customer,
            "accountIdentifier": self.settings.account,
            "externalRefID": wanted.reference,
        }
        try:
            reply = await self._call("GET", f"?{urlencode(asked)}")
            if reply.status != 200:
                return answering.turned_away(reply, None, buying=False)
            found = _listed(reply, wanted)
            if found is None:
                return Sold("refused", why="not_found", http=200)
            await asyncio.sleep(self.settings.pause)
            reply = await self._call("GET", f"/{quote(found.referenceOrderID, safe='')}")
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=False)
        except Unclear as error:
            return Sold("unknown", why=error.why, http=200)
        return _judged(reply, wanted) if reply.status == 200 else answering.turned_away(reply, None, buying=False)

    async def close(self) -> None:
        await self.client.aclose()

    def _request(self, wanted: Wanted) -> dict[str, object]:
        """The order; no mail is sent, so nobody has to be named."""
        return {
            "customerIdentifier": self.settings.customer,
            "accountIdentifier": self.settings.account,
            "externalRefID": wanted.reference,
            "utid": wanted.product,
            "amount": answering.in_units(wanted.nominal),
            "sendEmail": False,
        }

    async def _call(self, method: str, path: str, content: bytes = b"") -> Reply:
        url = self.settings.url.rstrip("/") + PATH + path
        return await exchange.exchange(
            self.client, method, url, patience=self.settings.timeout, headers=self.headers, content=content
        )


def _listed(reply: Reply, wanted: Wanted) -> _Order | None:
    """The one order in the list.

    Raises:
        Unclear: there are several, or it is not ours.
    """
    orders = answering.read(reply, _Listed).orders
    answering.must_be_one(orders)
    if orders and orders[0].externalRefID != wanted.reference:
        raise Unclear("wrong_reference")
    return orders[0] if orders else None


def _judged(reply: Reply, wanted: Wanted) -> Sold:
    """What an order of theirs means."""
    order = answering.read_or_none(reply, _Order)
    if order is None:
        return Sold("unknown", why="garbage", http=reply.status)
    theirs = answering.kept(order.referenceOrderID)
    if order.status in FAILED and order.externalRefID == wanted.reference:
        return Sold("refused", reference=theirs, why="failed", http=reply.status)
    if order.status != "COMPLETE":
        return Sold("unknown", reference=theirs, why="pending", http=reply.status)
    try:
        code, valid_until = _certificate(order, wanted)
    except Unclear as error:
        return Sold("unknown", reference=theirs, why=error.why, http=reply.status)
    return Sold("sold", code, order.referenceOrderID, valid_until, http=reply.status)


def _certificate(order: _Order, wanted: Wanted) -> tuple[str, date | None]:
    """The code of an order that is complete, and its last day.

    Raises:
        Unclear: it is not what we asked for.
    """
    money = order.denomination
    if money is None or order.reward is None:
        raise Unclear("garbage")
    answering.must_agree(
        wanted,
        reference=order.externalRefID,
        amount=money.value,
        currency=money.currencyCode,
        product=order.utid,
    )
    code, valid_until = _credentials(order.reward)
    answering.must_be_certificate(code, order.referenceOrderID)
    return code, valid_until


def _credentials(reward: _Reward) -> tuple[str, date | None]:
    """What the agent gets: one value as it is, several with their labels, a line each; a date is the last day."""
    found = reward.credentialList or [_Credential(value, label) for label, value in (reward.credentials or {}).items()]
    days = [day for day in (_day(one) for one in found) if day]
    shown = [one for one in found if _day(one) is None]
    if any("\n" in one.label + one.value for one in shown) or not all(one.value for one in shown):
        raise Unclear("bad_code")
    if len(shown) == 1:
        return shown[0].value, min(days, default=None)
    return "\n".join(f"{one.label}: {one.value}" for one in shown), min(days, default=None)


def _day(one: _Credential) -> date | None:
    """The day of a credential that is a date (RFC 3339), else nothing."""
    if one.type != "date":
        return None
    try:
        return date.fromisoformat(one.value[:10])
    except ValueError:
        return None
