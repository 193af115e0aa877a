"""Tremendous: rewards as links, by its public API (v2), https://developers.tremendous.com/reference."""

import asyncio
from urllib.parse import quote, urlencode

import msgspec
from httpx2 import AsyncClient

from payouts.partners import answering, exchange
from payouts.partners.answering import Unclear
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.supplying import Sold, SupplierSettings, Wanted

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


class _Told(msgspec.Struct, frozen=True):
    order: _Order


class _Listed(msgspec.Struct, frozen=True):
    orders: list[_Order]


class _Linked(msgspec.Struct, frozen=True):
    reward: _Delivery


class _Error(msgspec.Struct, frozen=True):
    message: str


class _Errors(msgspec.Struct, frozen=True):
    errors: _Error


class Tremendous:
    """A client. `external_id` makes an order idempotent: a repetition is answered with the first order (HTTP 201)."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")

    async def order(self, wanted: Wanted) -> Sold:
        """Buy; a second request fetches the link where the answer has none."""
        try:
            reply = await self._call("POST", "/orders", msgspec.json.encode(self._request(wanted)))
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=True)
        if reply.status not in {200, 201, 202}:
            refusal = answering.read_or_none(reply, _Errors)
            # They have no words for machines, only sentences: the status has to do.
            return answering.turned_away(reply, "" if refusal else None, buying=True)
        told = answering.read_or_none(reply, _Told)
        if told is None:
            return Sold("unknown", why="garbage", http=reply.status)
        return await self._judged(told.order, wanted, reply)

    async def look(self, wanted: Wanted) -> Sold:
        """Ask what became of the reference, and fetch the link: two requests at most."""
        try:
            reply = await self._call("GET", f"/orders?{urlencode({'external_id': wanted.reference})}")
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=False)
        if reply.status != 200:
            return answering.turned_away(reply, None, buying=False)
        try:
            orders = answering.read(reply, _Listed).orders
            if not orders:
                return Sold("refused", why="not_found", http=200)
            answering.must_be_one(orders)
        except Unclear as error:
            return Sold("unknown", why=error.why, http=reply.status)
        return await self._judged(orders[0], wanted, reply)

    async def close(self) -> None:
        await self.client.aclose()

    def _request(self, wanted: Wanted) -> dict[str, object]:
        """The order. Who gets the reward is not told: its recipient is named for the order."""
        reward = {
            "value": {"denomination": answering.in_units(wanted.nominal), "currency_code": wanted.currency},
            "delivery": {"method": "LINK"},
            "recipient": {"name": wanted.reference},
            "products": [wanted.product],
        }
        return {
            "external_id": wanted.reference,
            "payment": {"funding_source_id": self.settings.account or "BALANCE"},
            "reward": reward,
        }

    async def _judged(self, order: _Order, wanted: Wanted, reply: Reply) -> Sold:
        """What an order of theirs means."""
        theirs = answering.kept(order.id)
        if order.status in FAILED and order.external_id == wanted.reference:
            return Sold("refused", reference=theirs, why="failed", http=reply.status)
        if order.status in PENDING:
            return Sold("unknown", reference=theirs, why="pending", http=reply.status)
        try:
            link = await self._certificate(order, wanted)
        except Unclear as error:
            return Sold("unknown", reference=theirs, why=error.why, http=reply.status)
        return Sold("sold", link, order.id, http=reply.status)

    async def _certificate(self, order: _Order, wanted: Wanted) -> str:
        """The link of an order that was executed.

        Raises:
            Unclear: it is not what we asked for, or its link cannot be had.
        """
        if order.status != "EXECUTED" or len(order.rewards) != 1:
            raise Unclear("garbage")
        reward = order.rewards[0]
        value = reward.value
        answering.must_agree(
            wanted, reference=order.external_id, amount=value.denomination, currency=value.currency_code
        )
        link = reward.delivery.link or await self._link(reward)
        answering.must_be_certificate(link, order.id)
        answering.must_be_link(link)
        return link

    async def _link(self, reward: _Reward) -> str:
        """The link of a reward that is bought already: an order that is shown again comes without it.

        Raises:
            Unclear: there is none yet. The order stays as unknown as it was, and is asked for again.
        """
        await asyncio.sleep(self.settings.pause)
        try:
            reply = await self._call("POST", f"/rewards/{quote(reward.id, safe='')}/generate_link", b"{}")
        except NoReply as trouble:
            raise Unclear("no_link") from trouble
        if reply.status not in {200, 201}:
            raise Unclear("no_link")
        return answering.read(reply, _Linked).reward.link or ""

    async def _call(self, method: str, path: str, content: bytes = b"") -> Reply:
        url = self.settings.url.rstrip("/") + PATH + path
        headers = answering.JSON_HEADERS | {"Authorization": f"Bearer {self.settings.token}"}
        return await exchange.exchange(
            self.client, method, url, patience=self.settings.timeout, headers=headers, content=content
        )
