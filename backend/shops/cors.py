"""CORS for the till API (the Fetch standard, 3.2): only origins that a web shop names may call.

A preflight request has no token, so it is allowed if any web shop has the origin. The response to the request itself is
readable only if the calling till has the origin.
"""

import re
from collections.abc import Callable

from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import text

from backend.core.db.database import Database
from backend.shops.authentication import TillIdentity
from backend.shops.schemas import ORIGIN

TILL_PATH = "/v1/till"
ORIGIN_OF_WEB_SHOP = text("""
    SELECT 1 FROM tills WHERE kind = 'web' AND disabled_at IS NULL AND origins @> ARRAY[CAST(:origin AS text)] LIMIT 1
""")
Headers = list[tuple[bytes, bytes]]
REQUESTED_METHOD = b"access-control-request-method"
PREFLIGHT_HEADERS: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, accept-language, scanback-release"),
    (b"access-control-max-age", b"600"),
]
EXPOSED_HEADERS = (b"access-control-expose-headers", b"content-disposition, retry-after, x-request-id")


def middleware(state: State) -> Callable[[ASGIApp], ASGIApp]:
    """Wrap the application: pages of a web shop's origins may call its till and read the responses."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def cors(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            if not origin or scope["type"] != ScopeType.HTTP or not _is_page(origin, scope["path"]):
                await app(scope, receive, send)
            elif scope["method"] == "OPTIONS" and REQUESTED_METHOD in headers:
                await _answer_preflight(app, state["db"], origin, scope, receive, send)
            else:
                await app(scope, receive, _add_headers(scope, origin, send))

        return cors

    return wrap


def _is_page(origin: str, path: str) -> bool:
    """Whether a page of a valid origin calls the till API."""
    return (path == TILL_PATH or path.startswith(f"{TILL_PATH}/")) and re.fullmatch(ORIGIN, origin) is not None


async def _answer_preflight(
    app: ASGIApp, db: Database, origin: str, scope: Scope, receive: Receive, send: Send
) -> None:
    if not await db.rows(ORIGIN_OF_WEB_SHOP, origin=origin):
        await app(scope, receive, send)
        return
    await send(
        {"type": "http.response.start", "status": 204, "headers": [*_origin_headers(origin), *PREFLIGHT_HEADERS]}
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _add_headers(scope: Scope, origin: str, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        till: TillIdentity | None = scope["state"].get("till")
        if message["type"] == "http.response.start" and till and origin in till.origins:
            message["headers"] = [*message.get("headers", []), *_origin_headers(origin), EXPOSED_HEADERS]
        await send(message)

    return send_with_headers


def _origin_headers(origin: str) -> Headers:
    return [(b"access-control-allow-origin", origin.encode("ascii")), (b"vary", b"Origin")]
