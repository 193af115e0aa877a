"""Outermost middleware: request ids, language, client addresses, JSON logs and metrics."""

import asyncio
import ipaddress
import secrets
import time
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from backend.core.http.connections import limits
from backend.core.http.connections.bodies import REQUESTS, Body, ClientClosedRequest, has_body
from backend.core.language import language, negotiate

log = structlog.get_logger("scanback")
SECONDS = Histogram(
    "scanback_request_seconds",
    "How long requests took.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
RESPONSES = Counter("scanback_answers_total", "Answers by status.", ["method", "route", "status"])
REQUEST_ID = "x-request-id"
COMMON_HEADERS = [(b"x-content-type-options", b"nosniff")]
# A year (RFC 6797). Without includeSubDomains: other services may run there.
HSTS = [(b"strict-transport-security", b"max-age=31536000")]
NO_STORE = [(b"cache-control", b"no-store")]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """The /24 (IPv4) or /56 (IPv6) of an address: enough to count requests, too little to identify a person."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    width = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network((address, width), strict=False))


def client_host(scope: Scope, headers: dict[bytes, bytes], trusted: frozenset[str]) -> str:
    """The client's address: the peer, or behind trusted proxies the last untrusted hop of X-Forwarded-For."""
    host = (scope.get("client") or ("", 0))[0]
    if host not in trusted:
        return host
    for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
        address = _without_port(hop.strip())
        if address and address not in trusted:
            return address
    return host


def _without_port(hop: str) -> str:
    """Some proxies append the port. An IPv6 address with a port is in brackets (RFC 7239, 6)."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def create_middleware(trusted: frozenset[str], *, is_https: bool = False) -> Callable[[ASGIApp], ASGIApp]:
    """Make the middleware: each response has a request id, each request is logged and counted."""
    common_headers = COMMON_HEADERS + HSTS if is_https else COMMON_HEADERS

    def wrap(app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            headers = dict(scope["headers"])
            request_id = _request_id(headers.get(b"x-request-id", b""))
            language.set(negotiate(headers.get(b"accept-language", b"").decode("latin-1")))
            host = client_host(scope, headers, trusted)
            scope["state"] |= {
                "request_id": request_id,
                "network": network(host),
                "address": limits.address(host),
            }
            started_at, peer = time.perf_counter(), scope.get("client") or ("", 0)
            body = Body(scope, headers, receive) if has_body(headers) else None
            response = _ResponseSender(scope, send, [(b"x-request-id", request_id.encode()), *common_headers])
            REQUESTS.active.add(peer)
            try:
                await app(scope, body.receive if body else receive, response.send)
            except Exception:
                # The client stopped reading. It sees a truncated response, because the last chunk is missing.
                if not response.is_abandoned:
                    raise
            finally:
                REQUESTS.active.discard(peer)
                if body:
                    body.release()
                _log_request(scope, response.status, time.perf_counter() - started_at, request_id)

        return handle

    return wrap


class _ResponseSender:
    """Sends one response, with the common headers and a timeout for each chunk."""

    def __init__(self, scope: HTTPScope, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self.scope = scope
        self.headers = headers
        self.status = 500
        self.is_abandoned = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Send the next message.

        Raises:
            ClientClosedRequest: the client does not read.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = list(message.get("headers", []))
            language_header = (b"content-language", language.get().encode())
            message["headers"] = [*own, *self.headers, language_header, *_cache_headers(self.scope, own)]
        if not message.get("more_body"):
            await self._send(message)
            return
        try:
            async with asyncio.timeout(limits.SEND_SECONDS):
                await self._send(message)
        except TimeoutError as error:
            self.status, self.is_abandoned = ClientClosedRequest.status, True
            raise ClientClosedRequest from error


def _cache_headers(scope: HTTPScope, own: list[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Responses of the API contain tokens, codes and names: none is cached unless its route sets another policy."""
    if not scope["path"].startswith("/v1/") or any(name == b"cache-control" for name, _ in own):
        return ()
    return NO_STORE


@cache
def _request_metrics(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    """The metrics of a kind of request. Cached: the lookup costs more than the increment."""
    return SECONDS.labels(method, route), RESPONSES.labels(method, route, status)


def _request_id(given: bytes) -> str:
    """The request id of the proxy if it is well-formed, else a new one."""
    text = given.decode("latin-1")
    return (
        text if 8 <= len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum() else secrets.token_hex(16)
    )


def _log_request(scope: HTTPScope, status: int, seconds: float, request_id: str) -> None:
    # The route's pattern, never the path: paths contain ids and codes.
    route = str(scope.get("path_template") or "none")
    # Invented methods must not create new time series.
    method = scope["method"] if scope["method"] in METHODS else "other"
    durations, responses = _request_metrics(method, route, status)
    durations.observe(seconds)
    responses.inc()
    log.info(
        "request",
        id=request_id,
        method=scope["method"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )
