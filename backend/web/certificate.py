"""The page of a gift card, and its QR code as a picture, for holders of the code."""

import asyncio
import io
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from babel.dates import format_date
from litestar import Response, Router, route
from litestar.params import PathParameter
from PIL import Image

from backend.core.db.database import Database, Db
from backend.core.http.errors import TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.requests import HTTPRequest
from backend.core.language import language, money, translate
from backend.core.security import gift_card_codes
from backend.core.settings import Settings
from backend.earning.promocodes.cards.artwork import symbol
from backend.earning.promocodes.cards.artwork.content import CardStyle
from backend.spending.gift_cards import page as gift_card_page
from backend.spending.gift_cards.page import OpenGiftCard
from backend.web import code_pages, inline_assets
from backend.web.handlers import READ
from backend.web.render import render_page

CODE = Annotated[str, PathParameter(max_length=200)]
MODULE_PIXELS = 12
ROUBLES = "RUB"  # gift cards are in kopecks, whatever the programme's currency
PNG, SVG = "image/png", "image/svg+xml"
NONE = "certificate_none.html"


@route(["/G/{code:str}", "/g/{code:str}"], http_method=READ)
async def certificate(request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, code: CODE) -> Response[str]:
    """An open certificate's page. All other codes get one page with status 404."""
    try:
        gift_card = await _find_certificate(request, db, settings, code, now)
    except TooManyRequests as full:
        return code_pages.not_found(request, NONE, full.status, {"Retry-After": str(full.retry_after)})
    if gift_card is None:
        return code_pages.not_found(request, NONE)
    shops = await code_pages.shop_fields(db, gift_card.brand_id)
    return _certificate_page(request, settings, gift_card, gift_card_codes.written(code), shops)


@route(["/G/{code:str}/qr.svg", "/g/{code:str}/qr.svg"], http_method=READ)
async def vector(
    request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, code: CODE
) -> Response[str] | Response[bytes]:
    """The QR code of an open certificate, for paper of any size."""
    return await _qr_code_picture(request, db, settings, now, code, SVG)


@route(["/G/{code:str}/qr.png", "/g/{code:str}/qr.png"], http_method=READ)
async def pixels(
    request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, code: CODE
) -> Response[str] | Response[bytes]:
    """The QR code of an open certificate, for messengers."""
    return await _qr_code_picture(request, db, settings, now, code, PNG)


async def _qr_code_picture(
    request: HTTPRequest, db: Database, settings: Settings, now: datetime, code: str, media: str
) -> Response[str] | Response[bytes]:
    gift_card = await _find_certificate(request, db, settings, code, now)
    if gift_card is None:
        return code_pages.not_found(request, NONE)
    rows = _link_modules(settings, gift_card_codes.written(code))
    content = _svg_symbol(rows).encode() if media == SVG else await asyncio.to_thread(_png_symbol, rows)
    return Response(content, media_type=media, headers=inline_assets.page_headers("", ""))


async def _find_certificate(
    request: HTTPRequest, db: Database, settings: Settings, code: str, now: datetime
) -> OpenGiftCard | None:
    """An open certificate.

    Raises:
        TooManyRequests: see `code_pages.find_limited`.
    """
    return await code_pages.find_limited(
        request, db, settings, now, "certificate", lambda: gift_card_page.find_open_gift_card(db, settings, code)
    )


def _certificate_page(
    request: HTTPRequest,
    settings: Settings,
    gift_card: OpenGiftCard,
    code: str,
    shops: dict[str, object],
) -> Response[str]:
    rows = _link_modules(settings, code)
    style, script = inline_assets.page_style(CardStyle()), inline_assets.read_static("copy.js")
    last = gift_card.valid_until
    return render_page(
        request,
        "certificate.html",
        inline_assets.page_headers(script, style),
        found=gift_card,
        code=code,
        title=translate("Discount") if gift_card.single else translate("Certificate"),
        left=money(gift_card.balance, ROUBLES),
        nominal=money(gift_card.nominal, ROUBLES),
        until=translate("Valid through {day}", day=format_date(last, "long", language.get())) if last else "",
        style=style,
        script=script,
        **shops,
        **code_pages.symbol_fields(rows),
    )


def _link_modules(settings: Settings, code: str) -> symbol.Modules:
    """The link in capitals, whose QR code is a third smaller (ISO/IEC 18004, 8.4.3)."""
    return symbol.qr_modules(gift_card_codes.link(settings.code_host, code), "Q")


def _svg_symbol(rows: symbol.Modules) -> str:
    side = len(rows) + 2 * symbol.QUIET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="M0 0{symbol.svg_path(rows)}"/></svg>'
    )


@lru_cache(maxsize=64)
def _png_symbol(rows: symbol.Modules) -> bytes:
    side = len(rows) + 2 * symbol.QUIET
    image = Image.new("1", (side, side), 1)
    for x, y, width in symbol.dark_runs(rows):
        image.paste(0, (x + symbol.QUIET, y + symbol.QUIET, x + symbol.QUIET + width, y + symbol.QUIET + 1))
    out = io.BytesIO()
    image.resize((side * MODULE_PIXELS, side * MODULE_PIXELS), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


router = Router(
    "/",
    route_handlers=[certificate, vector, pixels],
    include_in_schema=False,
    before_request=code_pages.choose_page_language,
    response_headers=code_pages.RESPONSE_HEADERS,
)
