"""One exchange with a provider over HTTP: to the configured host alone, bounded in time and size."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog
from httpx2 import AsyncClient, InvalidURL, Limits, Response, TransportError, create_ssl_context

from backend.receipts.providers.answers import Answer, ProviderSettings, Result

MOST_READ = 1_000_000  # bytes; a receipt of a hundred lines has some 60,000
MOST_CONNECTIONS = 32
DAY_SECONDS = 86_400

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


class Reply(NamedTuple):
    """An answer over HTTP, read whole."""

    status: int
    content_type: str
    body: bytes
    retry_after: int | None


def open_client() -> AsyncClient:
    """A client that follows no redirects, heeds no proxy of the environment, and checks certificates."""
    limits = Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
    headers = {"Accept-Encoding": "identity", "User-Agent": "Scanback-Receipts/1"}
    return AsyncClient(
        verify=create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # the whole exchange has one
        limits=limits,
        headers=headers,
    )


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
        async with (
            asyncio.timeout(settings.timeout),
            client.stream("POST", url, headers=dict(headers), content=content) as answer,
        ):
            reply = await _read(answer)
    except TimeoutError as error:
        raise Trouble("timeout") from error
    except (OSError, UnicodeError, TransportError, InvalidURL) as error:
        raise Trouble("unreachable") from error
    if reply.status == 429:
        raise Trouble("http_429", 429, result="limit", retry_after=reply.retry_after)
    if reply.status in {401, 403, 408} or 300 <= reply.status < 400 or reply.status > 500:
        raise Trouble(f"http_{reply.status}", reply.status, retry_after=reply.retry_after)
    return reply


async def _read(answer: Response) -> Reply:
    """Read an answer that is not packed (we asked for none such: a small one unpacks to gigabytes) and not huge."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Trouble("content_encoding", answer.status_code)
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MOST_READ:
            raise Trouble("huge", answer.status_code)
    retry_after = _seconds(answer.headers.get("Retry-After", ""))
    return Reply(answer.status_code, answer.headers.get("Content-Type", "").lower(), bytes(body), retry_after)


def _seconds(retry_after: str) -> int | None:
    """RFC 9110, 10.2.3: seconds, a day of them at most; the form with a date is passed over."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9
    return min(int(retry_after), DAY_SECONDS) if is_number else None
