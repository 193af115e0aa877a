"""A local aggregator's certificates, by the contract that docs/suppliers.md sets out."""

from datetime import date

import msgspec
from httpx2 import AsyncClient

from payouts.partners import answering, exchange
from payouts.partners.answering import Unclear
from payouts.partners.exchange import NoReply, Reply
from payouts.partners.supplying import Sold, SupplierSettings, Wanted


class _Order(msgspec.Struct, frozen=True):
    """An order of ours as the aggregator shows it; amounts in kopecks."""

    id: str
    reference: str
    product: str
    nominal: int
    currency: str
    code: str | None = None
    valid_until: date | None = None


class _Refusal(msgspec.Struct, frozen=True):
    code: str


class Generic:
    """A client; our reference is the address of the order, so a repetition cannot buy twice."""

    def __init__(self, settings: SupplierSettings) -> None:
        self.settings = settings
        self.client: AsyncClient = exchange.open_client("Scanback-Orders/1")

    async def order(self, wanted: Wanted) -> Sold:
        """Buy."""
        content = msgspec.json.encode(
            {"product": wanted.product, "nominal": wanted.nominal, "currency": wanted.currency}
        )
        try:
            reply = await self._call("PUT", wanted, content)
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=True)
        refusal = answering.read_or_none(reply, _Refusal)
        if reply.status == 503 and refusal and refusal.code == "maintenance":
            return Sold("busy", why=refusal.code, http=503, retry_after=reply.retry_after)
        return _judged(reply, wanted, refusal, buying=True)

    async def look(self, wanted: Wanted) -> Sold:
        """Ask what became of the reference."""
        try:
            reply = await self._call("GET", wanted)
        except NoReply as trouble:
            return answering.unanswered(trouble, buying=False)
        refusal = answering.read_or_none(reply, _Refusal)
        # A bare 404 may come from anything on the way; only the aggregator's own word counts.
        if reply.status == 404 and refusal and refusal.code == "not_found":
            return Sold("refused", why="not_found", http=404)
        return _judged(reply, wanted, refusal, buying=False)

    async def close(self) -> None:
        await self.client.aclose()

    async def _call(self, method: str, wanted: Wanted, content: bytes = b"") -> Reply:
        url = f"{self.settings.url.rstrip('/')}/orders/{wanted.reference}"
        headers = answering.JSON_HEADERS | {"Authorization": f"Bearer {self.settings.token}"}
        return await exchange.exchange(
            self.client, method, url, patience=self.settings.timeout, headers=headers, content=content
        )


def _judged(reply: Reply, wanted: Wanted, refusal: _Refusal | None, *, buying: bool) -> Sold:
    if reply.status == 202:
        return Sold("unknown", why="pending", http=202, retry_after=reply.retry_after)
    if reply.status not in {200, 201}:
        return answering.turned_away(reply, refusal.code if refusal else None, buying=buying)
    found = answering.read_or_none(reply, _Order)
    if found is None:
        return Sold("unknown", why="garbage", http=reply.status)
    code = found.code or ""
    try:
        answering.must_agree(
            wanted,
            reference=found.reference,
            amount=found.nominal / 100,
            currency=found.currency,
            product=found.product,
        )
        answering.must_be_certificate(code, found.id)
    except Unclear as error:
        return Sold("unknown", reference=answering.kept(found.id), why=error.why, http=reply.status)
    return Sold("sold", code, found.id, found.valid_until, http=reply.status)
