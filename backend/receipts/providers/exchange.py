"""One exchange with a provider of receipts, and what its trouble means."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from httpx2 import AsyncClient

from backend.receipts.providers.answers import Answer, ProviderSettings, Result
from payouts.partners import exchange
from payouts.partners.exchange import MOST_READ, NoReply, Reply

__all__ = ["MOST_READ", "Reply", "Spend", "Trouble", "open_client", "post"]

# Asked before a second request that counts is sent in one ask: waits for its turn, or says that there is none.
Spend = Callable[[], Awaitable[bool]]
log = structlog.get_logger("scanback")


class Trouble(Exception):
    """The provider gave no verdict on the receipt: what came instead."""

    def __init__(
        self, code: str, http: int | None = None, *, result: Result = "unavailable", retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.http, self.result, self.retry_after = code, http, result, retry_after

    def answer(self, settings: ProviderSettings, *, shape: str, spent: int) -> Answer:
        """The trouble as an answer, and as a line in the log."""
        log.warning("receipt_provider_trouble", provider=settings.name, code=self.code, http=self.http, shape=shape)
        return Answer(self.result, code=self.code, http=self.http, shape=shape, retry_after=self.retry_after,
                      spent=spent)  # fmt: skip


def open_client() -> AsyncClient:
    """A client that speaks to the configured host alone."""
    return exchange.open_client("Scanback-Receipts/1")


async def post(
    client: AsyncClient, settings: ProviderSettings, path: str, *, headers: Mapping[str, str], content: bytes
) -> Reply:
    """Post to a path below the provider's address.

    Raises:
        Trouble: no answer came in time, none that may be read, or one that speaks of the way and not of the receipt
            (a redirect, 401, 429, 5xx but 500, which is for the caller to read).
    """
    url = settings.url.rstrip("/") + path
    try:
        reply = await exchange.exchange(
            client, "POST", url, patience=settings.timeout, headers=headers, content=content
        )
    except NoReply as error:
        raise Trouble(error.code, error.http) from error
    if reply.status == 429:
        raise Trouble("http_429", 429, result="limit", retry_after=reply.retry_after)
    if reply.status in {401, 403, 408} or 300 <= reply.status < 400 or reply.status > 500:
        raise Trouble(f"http_{reply.status}", reply.status, retry_after=reply.retry_after)
    return reply
