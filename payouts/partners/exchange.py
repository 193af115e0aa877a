"""One exchange with an outside service over HTTP: to the named host alone, bounded in time and size."""

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

MOST_READ = 1_000_000  # bytes; a receipt of a hundred lines has some 60,000, a certificate far less
MOST_CONNECTIONS = 32
DAY_SECONDS = 86_400


class NoReply(Exception):
    """No answer came that may be read: `timeout`, `unreachable`, `content_encoding` or `huge`.

    `sent` is false only where the request certainly did not leave this machine.
    """

    def __init__(self, code: str, http: int | None = None, *, sent: bool = True) -> None:
        super().__init__(code)
        self.code, self.http, self.sent = code, http, sent


class Reply(NamedTuple):
    """An answer over HTTP, read whole; `retry_after` is in seconds."""

    status: int
    content_type: str
    body: bytes
    retry_after: int | None


class _Way:
    """How far a request came, as the client under it tells step by step."""

    def __init__(self) -> None:
        self.steps: set[str] = set()

    async def note(self, step: str, _: Mapping[str, object]) -> None:
        self.steps.add(step.partition(".")[0])

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the request may have left: all that was done is not merely opening a connection."""
        return self.steps != {"connection"}


def open_client(agent: str) -> AsyncClient:
    """A client that follows no redirects, heeds no proxy of the environment, and checks certificates."""
    return AsyncClient(
        verify=create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # the whole exchange has one
        limits=Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS),
        headers={"Accept-Encoding": "identity", "User-Agent": agent},
    )


async def exchange(
    client: AsyncClient, method: str, url: str, *, patience: float, headers: Mapping[str, str], content: bytes = b""
) -> Reply:
    """Send one request and read its answer, whatever its status, within `patience` seconds.

    Raises:
        NoReply: nothing came in time, or nothing that may be read.
    """
    way = _Way()
    # A handshake that is cancelled from outside leaves its socket open, so connecting has time limits of its own: half
    # for the connection, half for TLS.
    limit = Timeout(None, connect=patience / 2)
    try:
        async with (
            asyncio.timeout(patience),
            client.stream(
                method, url, headers=dict(headers), content=content, timeout=limit, extensions={"trace": way.note}
            ) as answer,
        ):
            return await _read(answer)
    except (TimeoutError, ConnectTimeout) as error:
        raise NoReply("timeout", sent=way.has_begun) from error
    except (UnicodeError, InvalidURL) as error:
        raise NoReply("unreachable", sent=bool(way.steps)) from error
    except (OSError, TransportError) as error:
        raise NoReply("unreachable", sent=way.has_begun) from error


async def _read(answer: Response) -> Reply:
    """Read an answer that is not packed (we asked for none such: a small one unpacks to gigabytes) and not huge."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoReply("content_encoding", answer.status_code)
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MOST_READ:
            raise NoReply("huge", answer.status_code)
    retry_after = _seconds(answer.headers.get("Retry-After", ""))
    return Reply(answer.status_code, answer.headers.get("Content-Type", "").lower(), bytes(body), retry_after)


def _seconds(retry_after: str) -> int | None:
    """RFC 9110, 10.2.3: seconds, a day of them at most; the form with a date is passed over."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9
    return min(int(retry_after), DAY_SECONDS) if is_number else None
