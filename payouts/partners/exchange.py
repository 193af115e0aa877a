"""One HTTP exchange with an external service: only with the given host, bounded in time and size."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from httpx2 import (
    AsyncClient,
    ConnectTimeout,
    InvalidURL,
    Limits,
    Response,
    Timeout,
    TransportError,
    create_ssl_context,
)

MAX_REPLY_BYTES = 1_000_000  # bytes; a receipt of a hundred lines has some 60,000, a certificate far less
MAX_CONNECTIONS = 32
DAY_SECONDS = 86_400


class NoReply(Exception):
    """No readable reply: `timeout`, `unreachable`, `content_encoding` or `huge`.

    `sent` is false only where the request certainly did not leave this machine.
    """

    def __init__(self, code: str, http: int | None = None, *, sent: bool = True) -> None:
        super().__init__(code)
        self.code, self.http, self.sent = code, http, sent


class Reply(NamedTuple):
    """A complete HTTP reply; `retry_after` is in seconds."""

    status: int
    content_type: str
    body: bytes
    retry_after: int | None


class _RequestProgress:
    """The steps of a request that the HTTP client reports through its trace extension."""

    def __init__(self) -> None:
        self.steps: set[str] = set()

    async def note(self, step: str, _: Mapping[str, object]) -> None:
        self.steps.add(step.partition(".")[0])

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the request may have left: a step beyond opening a connection was reported."""
        return self.steps != {"connection"}


def open_client(agent: str) -> AsyncClient:
    """A client that follows no redirects, ignores proxies of the environment, and verifies TLS certificates."""
    return AsyncClient(
        verify=create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # send_request bounds the whole exchange
        limits=Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        headers={"Accept-Encoding": "identity", "User-Agent": agent},
    )


async def send_request(
    client: AsyncClient,
    method: str,
    url: str,
    *,
    timeout_seconds: float,
    headers: Mapping[str, str],
    content: bytes = b"",
) -> Reply:
    """Send one request and read the reply of any status, within `timeout_seconds`.

    Raises:
        NoReply: no readable reply came in time.
    """
    progress = _RequestProgress()
    # A handshake that is cancelled from outside leaves its socket open, so connecting has its own time limits: half of
    # the time for TCP, half for TLS.
    limit = Timeout(None, connect=timeout_seconds / 2)
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            client.stream(
                method, url, headers=dict(headers), content=content, timeout=limit, extensions={"trace": progress.note}
            ) as answer,
        ):
            return await _read_reply(answer)
    except (TimeoutError, ConnectTimeout) as error:
        raise NoReply("timeout", sent=progress.has_begun) from error
    except (UnicodeError, InvalidURL) as error:
        raise NoReply("unreachable", sent=bool(progress.steps)) from error
    except (OSError, TransportError) as error:
        raise NoReply("unreachable", sent=progress.has_begun) from error


async def _read_reply(answer: Response) -> Reply:
    """Read a reply. Rejects compressed ones (we ask for none: a small one unpacks to gigabytes) and huge ones."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoReply("content_encoding", answer.status_code)
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise NoReply("huge", answer.status_code)
    retry_after = _retry_seconds(answer.headers.get("Retry-After", ""))
    return Reply(answer.status_code, answer.headers.get("Content-Type", "").lower(), bytes(body), retry_after)


def _retry_seconds(retry_after: str) -> int | None:
    """RFC 9110, 10.2.3: seconds, a day at most; the form with a date is ignored."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9
    return min(int(retry_after), DAY_SECONDS) if is_number else None
