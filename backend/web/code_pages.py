"""Shared parts of the pages of promo codes and gift cards."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from litestar import Response
from litestar.datastructures import ResponseHeader
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.core.settings import Settings
from backend.earning.promocodes.cards.artwork import symbol
from backend.earning.promocodes.cards.artwork.content import CardStyle
from backend.web import inline_assets
from backend.web.handlers import HEADERS, choose_language
from backend.web.render import render_page

HOUR = 3600  # seconds
MAX_SHOPS = 10
SHOPS = text("""
    SELECT s.name, s.city, s.address FROM brand_shops b JOIN shops s ON s.id = b.shop_id
    WHERE b.brand_id = :brand AND b.ended_at IS NULL AND NOT b.pending ORDER BY s.city, s.name, s.id LIMIT :most
""")
# Each page sets its own content security policy.
RESPONSE_HEADERS = [
    ResponseHeader(name=name, value=value) for name, value in HEADERS.items() if name != "Content-Security-Policy"
]
T = TypeVar("T")


async def choose_page_language(request: HTTPRequest) -> None:
    """Choose the language: Russian without a header, because programs that draw link previews seldom send one."""
    if not request.headers.get("accept-language"):
        language.set("ru")
    await choose_language(request)


async def find_limited(
    request: HTTPRequest,
    db: Database,
    settings: Settings,
    now: datetime,
    kind: str,
    find: Callable[[], Awaitable[T | None]],
) -> T | None:
    """Find what a code names. Misses are limited per network.

    Raises:
        TooManyRequests: the network has missed too often within an hour.
    """
    key = f"{kind}:missed:{request.scope['state']['network']}"
    limit = settings.numbers.at("promo_pages_missed_per_hour_per_network", now.date())
    await rate_limits.check_limit(db, key, limit=limit)
    result = await find()
    if result is None:
        await rate_limits.count_request(db, key, seconds=HOUR, limit=limit)
    return result


async def shop_fields(db: Database, brand_id: int) -> dict[str, object]:
    """The shops of a brand for `code_shops.html`."""
    shops = await db.rows(SHOPS, brand=brand_id, most=MAX_SHOPS + 1)
    return {"shops": shops[:MAX_SHOPS], "more": len(shops) > MAX_SHOPS}


def symbol_fields(rows: symbol.Modules) -> dict[str, object]:
    """A QR code as the path of an SVG, and the length of its side."""
    return {"symbol": symbol.svg_path(rows), "side": len(rows) + 2 * symbol.QUIET}


def not_found(
    request: HTTPRequest, template: str, status: int = 404, headers: dict[str, str] | None = None
) -> Response[str]:
    """The page for a code that is unknown or not open."""
    style = inline_assets.page_style(CardStyle())
    response = render_page(request, template, inline_assets.page_headers("", style) | (headers or {}), style=style)
    response.status_code = status
    return response
