"""The edge of the API: request ids, languages, addresses, JSON logs, metrics, and errors as problem details."""

import ipaddress
import secrets
import time
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram
from psycopg_pool import PoolTimeout as SinglePoolTimeout
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.errors import (
    Busy,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    NotFound,
    Refusal,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unsupported,
    ValidationFailed,
)
from backend.language import language, negotiate
from backend.wire import PROBLEM, FieldError, problem

log = structlog.get_logger("scanback")
SECONDS = Histogram(
    "scanback_request_seconds",
    "How long requests took.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ANSWERS = Counter("scanback_answers_total", "Answers by status.", ["method", "route", "status"])
REQUEST_ID = "x-request-id"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """A /24 of IPv4 or a /56 of IPv6: enough to count a crowd, too little to name a person."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    width = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network((address, width), strict=False))


def client_host(scope: Scope, headers: dict[bytes, bytes], trusted: frozenset[str]) -> str:
    """Who calls: the peer, or what a trusted proxy says stands behind it (the last untrusted hop)."""
    host = (scope.get("client") or ("", 0))[0]
    if host not in trusted:
        return host
    for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
        address = _without_port(hop.strip())
        if address and address not in trusted:
            return address
    return host


def _without_port(hop: str) -> str:
    """Some proxies write the port behind the address; that of IPv6 then stands in brackets (RFC 7239, 6)."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def middleware(trusted: frozenset[str]) -> Callable[[ASGIApp], ASGIApp]:
    """Wrap the application: every answer has a request id, every request a line in the log and a place in metrics."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def edge(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            headers = dict(scope["headers"])
            request_id = _request_id(headers.get(b"x-request-id", b""))
            language.set(negotiate(headers.get(b"accept-language", b"").decode("latin-1")))
            scope["state"] |= {
                "request_id": request_id,
                "network": network(client_host(scope, headers, trusted)),
            }
            begun, status = time.perf_counter(), 500

            async def sending(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = [
                        *message.get("headers", []),
                        (b"x-request-id", request_id.encode()),
                        (b"x-content-type-options", b"nosniff"),
                        (b"content-language", language.get().encode()),
                    ]
                await send(message)

            try:
                await app(scope, receive, sending)
            finally:
                _note(scope, status, time.perf_counter() - begun, request_id)

        return edge

    return wrap


@cache
def _series(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    """Where requests of a kind are counted: finding it costs more than counting."""
    return SECONDS.labels(method, route), ANSWERS.labels(method, route, status)


def _request_id(given: bytes) -> str:
    """A proxy's own id where it looks like one, else a new one."""
    text = given.decode("latin-1")
    return (
        text if 8 <= len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum() else secrets.token_hex(16)
    )


def _note(scope: HTTPScope, status: int, seconds: float, request_id: str) -> None:
    # The route's pattern, never the path: paths hold ids and codes.
    route = str(scope.get("path_template") or "none")
    # Whoever makes methods up makes no new series.
    method = scope["method"] if scope["method"] in METHODS else "other"
    durations, answers = _series(method, route, status)
    durations.observe(seconds)
    answers.inc()
    log.info(
        "request",
        id=request_id,
        method=scope["method"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )


# What the framework's own errors mean in our words.
OF_STATUS: dict[int, type[Refusal]] = {
    refusal.status: refusal
    for refusal in (
        ValidationFailed, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, TooLarge, Unsupported, TooManyRequests
    )
}  # fmt: skip


def _answer(
    request: Request[Any, Any, Any], refusal: Refusal, headers: dict[str, str], errors: Sequence[FieldError] = ()
) -> Response[bytes]:
    told = problem(type(refusal), refusal.detail(), request.scope["state"].get("request_id", ""), list(errors))
    return Response(msgspec.json.encode(told), status_code=refusal.status, media_type=PROBLEM, headers=headers)


def refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """A refusal as problem details."""
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(request, refusal, headers, [FieldError(*row) for row in refusal.errors])


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's own errors: a body that does not fit, an unknown address, a wrong method."""
    if error.status_code >= 500:
        return crashed(request, error)
    refusal = OF_STATUS.get(error.status_code, ValidationFailed)()
    errors = _field_errors(error) if refusal.status == 400 else []
    return _answer(request, refusal, dict(error.headers or {}), errors)


def _field_errors(error: HTTPException) -> list[FieldError]:
    rows = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    named = [
        FieldError(str(row.get("key", "")), str(row.get("message", ""))[:300]) for row in rows if isinstance(row, dict)
    ]
    return named or [FieldError("", str(error.detail)[:300])]


def overloaded(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The database is away or has no connection free: nothing was lost, try again."""
    log.warning("database unavailable", id=request.scope["state"].get("request_id"), error=type(error).__name__)
    return refused(request, Busy(retry_after=1))


def crashed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug: the log has it, the caller has the request's id."""
    log.error("crash", id=request.scope["state"].get("request_id"), exc_info=error)
    return _answer(request, InternalError(), {})


HANDLERS: dict[type[Exception] | int, Callable[..., Response[Any]]] = {
    Refusal: refused,
    HTTPException: http_error,
    OperationalError: overloaded,
    PoolTimeout: overloaded,
    psycopg.OperationalError: overloaded,
    SinglePoolTimeout: overloaded,
    Exception: crashed,
}
