"""The edge of the API: request ids, languages, addresses, JSON logs, metrics, and errors as problem details."""

import ipaddress
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.errors import Busy, Refusal
from backend.language import language, negotiate, say
from backend.wire import PROBLEM, Problem

log = structlog.get_logger("scanback")
SECONDS = Histogram(
    "scanback_request_seconds",
    "How long requests took.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ANSWERS = Counter("scanback_answers_total", "Answers by status.", ["method", "route", "status"])
REQUEST_ID = "x-request-id"


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
        if hop.strip() and hop.strip() not in trusted:
            return hop.strip()
    return host


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


def _request_id(given: bytes) -> str:
    """A proxy's own id where it looks like one, else a new one."""
    text = given.decode("latin-1")
    return text if 8 <= len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum() else uuid.uuid4().hex


def _note(scope: HTTPScope, status: int, seconds: float, request_id: str) -> None:
    # The route's pattern, never the path: paths hold ids and codes.
    route = str(scope.get("path_template") or "none")
    SECONDS.labels(scope["method"], route).observe(seconds)
    ANSWERS.labels(scope["method"], route, status).inc()
    log.info(
        "request",
        id=request_id,
        method=scope["method"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )


TITLES = {400: "Bad request", 401: "Unauthenticated", 403: "Forbidden", 404: "Not found", 405: "Method not allowed",
          409: "Conflict", 413: "Too large", 415: "Unsupported media type", 422: "Invalid", 429: "Too many requests",
          500: "Internal error", 503: "Busy"}  # fmt: skip
CODES = {400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
         413: "too_large", 415: "unsupported_media_type", 429: "too_many_requests"}  # fmt: skip
SENTENCES = {
    400: "The request does not fit its description.",
    404: "There is nothing here.",
    405: "This address does not take this method.",
    413: "This is larger than we take.",
    415: "This address does not take this media type.",
}


def _problem(
    request: Request[Any, Any, Any], status: int, code: str, detail: str,
    errors: list[dict[str, str]] | None = None, headers: dict[str, str] | None = None,
) -> Response[bytes]:  # fmt: skip
    problem = Problem(
        type=f"/docs#problem-{code}",
        title=TITLES.get(status, "Error"),
        status=status,
        code=code,
        detail=detail,
        request_id=request.scope["state"].get("request_id", ""),
        errors=errors or [],
    )
    return Response(msgspec.json.encode(problem), status_code=status, media_type=PROBLEM, headers=headers or {})


def refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """A refusal as problem details."""
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _problem(request, refusal.status, refusal.code(), refusal.detail(), headers=headers)


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's own errors: a body that does not fit, an unknown address, a wrong method."""
    status = error.status_code
    errors = []
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        errors = [
            {"field": str(row.get("key", "")), "detail": str(row.get("message", ""))[:300]}
            for row in error.extra
            if isinstance(row, dict)
        ]
    if status >= 500:
        return crashed(request, error)
    if status == 400 and not errors:
        errors = [{"field": "", "detail": str(error.detail)[:300]}]
    code = "validation_failed" if isinstance(error, ValidationException) else CODES.get(status, "error")
    detail = say(SENTENCES.get(status, "We will not do that."))
    return _problem(request, status, code, detail, errors, headers=dict(error.headers or {}))


def overloaded(request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    """The database is away or has no connection free: nothing was lost, try again."""
    log.warning("database unavailable", id=request.scope["state"].get("request_id"), error=type(_error).__name__)
    return refused(request, Busy(retry_after=1))


def crashed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug: the log has it, the caller has the request's id."""
    log.error("crash", id=request.scope["state"].get("request_id"), exc_info=error)
    return _problem(request, 500, "internal_error", say("Something broke on our side. Nothing was lost; try again."))


HANDLERS: dict[type[Exception] | int, Callable[..., Response[Any]]] = {
    Refusal: refused,
    HTTPException: http_error,
    OperationalError: overloaded,
    PoolTimeout: overloaded,
    Exception: crashed,
}
