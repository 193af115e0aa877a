"""One HTTP exchange with a provider of receipts, and the meaning of its failures."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from httpx2 import AsyncClient

from backend.earning.receipts.providers.queries import ProviderAnswer, ProviderResult, ProviderSettings
from payouts.partners import exchange
from payouts.partners.exchange import MAX_REPLY_BYTES, NoReply, Reply

__all__ = ["MAX_REPLY_BYTES", "AcquirePermit", "ProviderError", "Reply", "open_client", "post"]

# Awaited before another request of the same query that counts: returns True once there is a permit, False if none.
AcquirePermit = Callable[[], Awaitable[bool]]
log = structlog.get_logger("scanback")


class ProviderError(Exception):
    """The provider sent no verdict on the receipt; `code` is what happened instead."""

    def __init__(
        self,
        code: str,
        http: int | None = None,
        *,
        result: ProviderResult = "unavailable",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code, self.http, self.result, self.retry_after = code, http, result, retry_after

    def to_answer(self, settings: ProviderSettings, *, shape: str, spent: int) -> ProviderAnswer:
        """The failure as an answer; writes a log line."""
        log.warning("receipt_provider_trouble", provider=settings.name, code=self.code, http=self.http, shape=shape)
        return ProviderAnswer(
            self.result, code=self.code, http=self.http, shape=shape, retry_after=self.retry_after, spent=spent
        )


def open_client() -> AsyncClient:
    """A client without proxies and redirects."""
    return exchange.open_client("Scanback-Receipts/1")


async def post(
    client: AsyncClient, settings: ProviderSettings, path: str, *, headers: Mapping[str, str], content: bytes
) -> Reply:
    """Post to a path below the provider's address.

    Raises:
        ProviderError: no readable response in time, or one that is not about the receipt (a redirect, 401, 429, 5xx
            except 500, which the caller reads).
    """
    url = settings.url.rstrip("/") + path
    try:
        reply = await exchange.send_request(
            client, "POST", url, timeout_seconds=settings.timeout, headers=headers, content=content
        )
    except NoReply as error:
        raise ProviderError(error.code, error.http) from error
    if reply.status == 429:
        raise ProviderError("http_429", 429, result="limit", retry_after=reply.retry_after)
    if reply.status in {401, 403, 408} or 300 <= reply.status < 400 or reply.status > 500:
        raise ProviderError(f"http_{reply.status}", reply.status, retry_after=reply.retry_after)
    return reply
