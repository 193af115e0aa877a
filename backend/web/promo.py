"""The page of a promo code: the discount, shops that accept the code, and the code to show at the till.

A GET is not counted as a view; a script on the page sends views."""

import asyncio
import time
from contextlib import suppress
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from litestar import Response, Router, post, route
from litestar.params import PathParameter

from backend.core.db.database import Database, Db
from backend.core.http.errors import TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.core.settings import Settings
from backend.earning.promocodes import displayed_code, page_views
from backend.earning.promocodes.cards.artwork import symbol
from backend.earning.promocodes.cards.artwork.content import CardFormat, CardSize
from backend.earning.promocodes.cards.handlers import card_response
from backend.earning.promocodes.cards.renderer import CardCaller, CurrentCardRenderer
from backend.earning.promocodes.displayed_code import DisplayedCode
from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.code_parser import SpelledCode
from backend.web import code_pages, inline_assets
from backend.web.handlers import READ
from backend.web.render import render_page

# The duration of every view, for any code; the statements need 3 to 10 ms.
VIEW_SECONDS = 0.05
NO_CODE = SpelledCode("", 0)  # a text that cannot be a code is looked up as well, so that the duration is equal
CODE = Annotated[str, PathParameter(max_length=200)]
NONE = "promo_none.html"


@route(["/p/{code:str}", "/P/{code:str}"], http_method=READ)
async def promo(request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, code: CODE) -> Response[str]:
    """The page of an open code. All other codes get the same page with status 404."""
    try:
        displayed = await _find_code(request, db, settings, code, now)
    except TooManyRequests as full:
        return code_pages.not_found(request, NONE, full.status, {"Retry-After": str(full.retry_after)})
    if displayed is None:
        return code_pages.not_found(request, NONE)
    return _promo_page(request, settings, displayed, await code_pages.shop_fields(db, displayed.brand_id))


@route(["/p/{code:str}/card.png", "/P/{code:str}/card.png"], http_method=READ)
async def picture(
    request: HTTPRequest,
    db: Db,
    settings: CurrentSettings,
    card_renderer: CurrentCardRenderer,
    now: Now,
    code: CODE,
) -> Response[str] | Response[bytes]:
    """The picture for link previews: the card for messengers."""
    displayed = await _find_code(request, db, settings, code, now, logo=True)
    if displayed is None:
        return code_pages.not_found(request, NONE)
    return await card_response(
        request,
        card_renderer,
        displayed.code_id,
        displayed_code.build_card(displayed, settings),
        CardSize.MESSENGER,
        CardFormat.PNG,
        CardCaller(f"network:{request.scope['state']['network']}", settings.numbers.at("cards_per_hour", now.date())),
        public=True,
    )


@post("/p/{code:str}/views", status_code=204)
async def view(request: HTTPRequest, db: Db, settings: CurrentSettings, now: Now, code: CODE) -> None:
    """Count a view of the page. Neither the response nor its duration reveals whether it was counted."""
    ends = time.monotonic() + VIEW_SECONDS
    if page_views.is_from_person(request.headers):
        network = request.scope["state"]["network"]
        with suppress(TooManyRequests):
            await page_views.count_view(db, await _find_code(request, db, settings, code, now), network)
    await asyncio.sleep(max(0.0, ends - time.monotonic()))


async def _find_code(
    request: HTTPRequest, db: Database, settings: Settings, code: str, now: datetime, *, logo: bool = False
) -> DisplayedCode | None:
    """An open code.

    Raises:
        TooManyRequests: see `code_pages.find_limited`.
    """
    spelled = code_parser.parse_code(code) or NO_CODE
    return await code_pages.find_limited(
        request, db, settings, now, "promo", lambda: displayed_code.find_displayed_code(db, spelled, now, logo=logo)
    )


def _promo_page(
    request: HTTPRequest, settings: Settings, displayed: DisplayedCode, shops: dict[str, object]
) -> Response[str]:
    written = quote(code_parser.code_with_run(displayed.code, displayed.run))
    address = f"{settings.base_url}/p/{written}"
    style, script = inline_assets.page_style(displayed.style), inline_assets.read_static("promo.js")
    return render_page(
        request,
        "promo.html",
        inline_assets.page_headers(script, style),
        found=displayed,
        until=displayed_code.valid_until_text(displayed),
        label=displayed_code.ad_label_text(displayed),
        views=f"/p/{written}/views",
        address=address,
        picture=f"{address}/card.png?lang={language.get()}",
        style=style,
        script=script,
        **shops,
        **code_pages.symbol_fields(symbol.qr_modules(code_parser.code_with_run(displayed.code, displayed.run), "Q")),
    )


router = Router(
    "/",
    route_handlers=[promo, picture, view],
    include_in_schema=False,
    before_request=code_pages.choose_page_language,
    response_headers=code_pages.RESPONSE_HEADERS,
)
