"""One HTTP request to a brand's endpoint: signed, to a public address, with a short timeout."""

import asyncio
import contextlib
import math
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import NamedTuple

import msgspec
from httpx2 import URL, AsyncClient, AsyncHTTPTransport, Response, TransportError, create_ssl_context

from backend.notifications.webhooks import signatures, targets
from backend.notifications.webhooks.models import DeliveryProblem
from backend.notifications.webhooks.signatures import SigningSecrets
from backend.notifications.webhooks.targets import Resolve, TargetForbidden

TIMEOUT_SECONDS = 10.0
RETRY_AFTER_STATUSES = frozenset({429, 503})
DELAY_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
MAX_BODY_BYTES, DRAIN_SECONDS = 4096, 1.0  # of a response's body, which is not stored


class WebhookMessage(NamedTuple):
    """An event to deliver, with the id that all attempts share."""

    id: str
    kind: str
    at: datetime
    body: dict[str, object]

    def text(self) -> str:
        """The request's body: type, timestamp and data of Standard Webhooks."""
        return msgspec.json.encode({"type": self.kind, "timestamp": self.at, "data": self.body}).decode()


class DeliveryOutcome(NamedTuple):
    """The result of an attempt: the response's status, the problem if there was one, and `Retry-After`."""

    status: int | None
    problem: DeliveryProblem
    retry_after_seconds: int = 0


async def post_message(
    url: str, message: WebhookMessage, signing_secrets: SigningSecrets, attempt: int, private: bool, resolve: Resolve
) -> DeliveryOutcome:
    """Send a message once, within ten seconds. Returns failures as an outcome and never raises for them."""
    try:
        target = targets.check_url(url, private=private)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            pinned = await targets.pin_address(target, attempt, private=private, resolve=resolve)
            return await _send_request(target, pinned, message, signing_secrets)
    except TargetForbidden:
        return DeliveryOutcome(None, "forbidden")
    except TimeoutError:
        return DeliveryOutcome(None, "timeout")
    except (OSError, UnicodeError, TransportError):
        return DeliveryOutcome(None, "unreachable")


async def _send_request(
    target: URL, pinned: URL, message: WebhookMessage, signing_secrets: SigningSecrets
) -> DeliveryOutcome:
    """Send to the pinned address, with the original name in `Host` and in SNI, for the certificate."""
    body = message.text()
    headers = signatures.signature_headers(signing_secrets, message.id, body, datetime.now(UTC)) | {
        "Host": target.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "Scanback-Webhooks/1",
    }
    transport = AsyncHTTPTransport(verify=tls_context(), trust_env=False)
    async with AsyncClient(transport=transport, timeout=None, follow_redirects=False, trust_env=False) as client:
        sni = {"sni_hostname": target.raw_host.decode("ascii")}
        request = client.build_request("POST", pinned, content=body, headers=headers, extensions=sni)
        response = await client.send(request, stream=True)
        await _drain_response(response)
        outcome = outcome_of_status(response.status_code)
        if outcome.status not in RETRY_AFTER_STATUSES:
            return outcome
        wait = retry_after_seconds(response.headers.get("retry-after", ""), datetime.now(UTC))
        return outcome._replace(retry_after_seconds=wait)


async def _drain_response(response: Response) -> None:
    """Read a short body, so that the server sees a clean end. Stop at a long or slow one: only the status matters."""
    read = 0
    with contextlib.suppress(TransportError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in response.aiter_raw(MAX_BODY_BYTES):
                read += len(chunk)
                if read >= MAX_BODY_BYTES:
                    break
    await response.aclose()


def outcome_of_status(status: int) -> DeliveryOutcome:
    """The outcome of a status for the sender (Standard Webhooks 1.0, "Delivery")."""
    if 200 <= status < 300:
        return DeliveryOutcome(status, "")
    if status == 410:
        return DeliveryOutcome(status, "gone")
    return DeliveryOutcome(status, "redirect" if 300 <= status < 400 else "refused")


def retry_after_seconds(text: str, now: datetime) -> int:
    """Seconds of a `Retry-After` header, a number or a time (RFC 9110, 10.2.3); 0 if it is neither."""
    if DELAY_SECONDS.fullmatch(text.strip()):
        return int(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return max(0, math.ceil((then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()))


@cache
def tls_context() -> ssl.SSLContext:
    """A TLS context with the trusted certificates (also of `SSL_CERT_FILE`). Loading takes longer than a request."""
    return create_ssl_context()
