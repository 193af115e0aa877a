"""One request to a brand's endpoint: signed, to a public address, with little patience."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from httpx2 import URL, AsyncClient, AsyncHTTPTransport, Response, TransportError, create_ssl_context

from backend.webhooks import signing, targets
from backend.webhooks.models import Problem
from backend.webhooks.signing import Secrets
from backend.webhooks.targets import Resolve, TargetForbidden

SECONDS = 10.0
MOST_READ, DRAIN_SECONDS = 4096, 1.0  # bytes of an answer's body; nothing of it is kept


class Message(NamedTuple):
    """What is told: the id that all attempts have in common, and the event."""

    id: str
    kind: str
    at: datetime
    body: dict[str, Any]

    def text(self) -> str:
        """The request's body: type, timestamp and data of Standard Webhooks."""
        return msgspec.json.encode({"type": self.kind, "timestamp": self.at, "data": self.body}).decode()


class Outcome(NamedTuple):
    """What came of an attempt: the status of the answer, and what was wrong if something was."""

    status: int | None
    problem: Problem


async def post(url: str, message: Message, kept: Secrets, attempt: int, private: bool, resolve: Resolve) -> Outcome:
    """Send a message once. Whatever the other side does, it ends within ten seconds and is told as an outcome."""
    try:
        target = targets.check(url, private=private)
        async with asyncio.timeout(SECONDS):
            pinned = await targets.pin(target, attempt, private=private, resolve=resolve)
            return await _request(target, pinned, message, kept)
    except TargetForbidden:
        return Outcome(None, "forbidden")
    except TimeoutError:
        return Outcome(None, "timeout")
    except (OSError, UnicodeError, TransportError):
        return Outcome(None, "unreachable")


async def _request(target: URL, pinned: URL, message: Message, kept: Secrets) -> Outcome:
    """To the address that was looked at, under the name that it goes by: in `Host` and, for its certificate, in SNI."""
    body = message.text()
    headers = signing.headers(kept, message.id, body, datetime.now(UTC)) | {
        "Host": target.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "Scanback-Webhooks/1",
    }
    transport = AsyncHTTPTransport(verify=context(), trust_env=False)
    async with AsyncClient(transport=transport, timeout=None, follow_redirects=False, trust_env=False) as client:
        name = {"sni_hostname": target.raw_host.decode("ascii")}
        asked = client.build_request("POST", pinned, content=body, headers=headers, extensions=name)
        answer = await client.send(asked, stream=True)
        await _drain(answer)
        return judged(answer.status_code)


async def _drain(answer: Response) -> None:
    """Read a short answer, out of politeness; a long or slow one is broken off. The status has said all."""
    read = 0
    with contextlib.suppress(TransportError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in answer.aiter_raw(MOST_READ):
                read += len(chunk)
                if read >= MOST_READ:
                    break
    await answer.aclose()


def judged(status: int) -> Outcome:
    """What a status means to a sender (Standard Webhooks 1.0, "Delivery")."""
    if 200 <= status < 300:
        return Outcome(status, "")
    if status == 410:
        return Outcome(status, "gone")
    return Outcome(status, "redirect" if 300 <= status < 400 else "refused")


@cache
def context() -> ssl.SSLContext:
    """The certificates that are trusted (`SSL_CERT_FILE` too); reading them takes longer than a request."""
    return create_ssl_context()
