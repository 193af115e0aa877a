"""Pages of other sites at the till's door (the Fetch standard, 3.2: CORS). Closed, but for those that a web shop names.

Before a page's request a browser asks without the token whether it may be sent: yes, where some web shop has a page.
The answer to the request itself is shown to the page only where that till has it.
"""

import re
from collections.abc import Callable

from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import text

from backend.database import Database
from backend.shops.door import TillAt
from backend.shops.schemas import ORIGIN

DOOR = "/v1/till"
KNOWN = text("""
    SELECT 1 FROM tills WHERE kind = 'web' AND disabled_at IS NULL AND origins @> ARRAY[CAST(:origin AS text)] LIMIT 1
""")
Headers = list[tuple[bytes, bytes]]
ASKED = b"access-control-request-method"
ALLOWED: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, accept-language"),
    (b"access-control-max-age", b"600"),
]
READABLE = (b"access-control-expose-headers", b"content-disposition, retry-after, x-request-id")


def middleware(state: State) -> Callable[[ASGIApp], ASGIApp]:
    """Wrap the application: pages that a web shop names may call its till and read the answers."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def cors(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            if not origin or scope["type"] != ScopeType.HTTP or not _is_page(origin, scope["path"]):
                await app(scope, receive, send)
            elif scope["method"] == "OPTIONS" and ASKED in headers:
                await _preflight(app, state["db"], origin, scope, receive, send)
            else:
                await app(scope, receive, _showing(scope, origin, send))

        return cors

    return wrap


def _is_page(origin: str, path: str) -> bool:
    """Whether a page calls at the till's door."""
    return (path == DOOR or path.startswith(f"{DOOR}/")) and re.fullmatch(ORIGIN, origin) is not None


async def _preflight(app: ASGIApp, db: Database, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
    if not await db.rows(KNOWN, origin=origin):
        await app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 204, "headers": [*_for(origin), *ALLOWED]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _showing(scope: Scope, origin: str, send: Send) -> Send:
    async def sending(message: Message) -> None:
        till: TillAt | None = scope["state"].get("till")
        if message["type"] == "http.response.start" and till and origin in till.origins:
            message["headers"] = [*message.get("headers", []), *_for(origin), READABLE]
        await send(message)

    return sending


def _for(origin: str) -> Headers:
    return [(b"access-control-allow-origin", origin.encode("ascii")), (b"vary", b"Origin")]
