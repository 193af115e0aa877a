"""The page behind a promo code: what the buyer gets, where, and the code to show at the till. Looking counts nothing;
a page that somebody looks at says so itself."""

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, Response, Router, post, route
from litestar.datastructures import ResponseHeader
from litestar.params import PathParameter
from sqlalchemy import text

from backend import limits
from backend.database import Database, Db
from backend.errors import TooManyRequests
from backend.language import language
from backend.promocodes import shown, spelling, views
from backend.promocodes.card_handlers import answer
from backend.promocodes.cards import colours, symbol
from backend.promocodes.cards.content import Kind, Look, Size
from backend.promocodes.shown import Shown
from backend.promocodes.studio import TheStudio
from backend.settings import Settings
from backend.web.handlers import HEADERS, READ, choose_language
from backend.web.render import page
from backend.wire import Now, TheSettings

HOUR = 3600  # seconds
MOST_SHOPS = 10
CODE = Annotated[str, PathParameter(max_length=200)]
SHOPS = text("""
    SELECT s.name, s.city, s.address FROM brand_shops b JOIN shops s ON s.id = b.shop_id
    WHERE b.brand_id = :brand AND b.ended_at IS NULL ORDER BY s.city, s.name, s.id LIMIT :most
""")


async def speak(request: Request[Any, Any, Any]) -> None:
    """Previews of links seldom say what they read; here the most read Russian."""
    if not request.headers.get("accept-language"):
        language.set("ru")
    await choose_language(request)


@route(["/p/{code:str}", "/P/{code:str}"], http_method=READ)
async def promo(request: Request[Any, Any, Any], db: Db, settings: TheSettings, now: Now, code: CODE) -> Response[str]:
    """An open code's page; of all others the same page says that there is none."""
    try:
        found = await _look_up(request, db, settings, code, now)
    except TooManyRequests as full:
        return _none(request, full.status, {"Retry-After": str(full.retry_after)})
    if found is None:
        return _none(request, 404, {})
    shops = await db.rows(SHOPS, brand=found.brand_id, most=MOST_SHOPS + 1)
    return _page(request, settings, found, shops)


@route(["/p/{code:str}/card.png", "/P/{code:str}/card.png"], http_method=READ)
async def picture(
    request: Request[Any, Any, Any], db: Db, settings: TheSettings, studio: TheStudio, now: Now, code: CODE
) -> Response[Any]:
    """The picture in the preview of a link: the card for messengers."""
    found = await _look_up(request, db, settings, code, now, logo=True)
    if found is None:
        return _none(request, 404, {})
    return await answer(
        request, studio, found.code_id, shown.card(found, settings), Size.MESSENGER, Kind.PNG, public=True
    )


@post("/p/{code:str}/views", status_code=204)
async def view(request: Request[Any, Any, Any], db: Db, now: Now, code: CODE) -> None:
    """Somebody looks at the page. The answer never says whether that was counted."""
    spelled = spelling.read(code)
    if spelled is not None and views.is_person(request.headers):
        await views.count(db, spelled, request.scope["state"]["network"], now)


async def _look_up(
    request: Request[Any, Any, Any], db: Database, settings: Settings, code: str, now: datetime, *, logo: bool = False
) -> Shown | None:
    """An open code. A network that asked for too many that are not there is told nothing for a while.

    Raises:
        TooManyRequests: it did.
    """
    key = f"promo:missed:{request.scope['state']['network']}"
    most = settings.numbers.at("promo_pages_missed_per_hour_per_network", now.date())
    await limits.check(db, key, most=most)
    spelled = spelling.read(code)
    found = await shown.of_code(db, spelled, now, logo=logo) if spelled else None
    if found is None:
        await limits.spend(db, key, seconds=HOUR, most=most)
    return found


def _page(request: Request[Any, Any, Any], settings: Settings, found: Shown, shops: list[Any]) -> Response[str]:
    written = quote(spelling.write(found.code, found.run))
    rows = symbol.modules(spelling.write(found.code, found.run), "Q")
    address = f"{settings.base_url}/p/{written}"
    style, script = _style(found.look), _read("promo.js")
    headers = _headers(script, style)
    return page(
        request, "promo.html", headers, found=found, until=shown.until(found), label=shown.label(found),
        shops=shops[:MOST_SHOPS], more=len(shops) > MOST_SHOPS, views=f"/p/{written}/views", address=address,
        picture=f"{address}/card.png?lang={language.get()}", symbol=symbol.path(rows),
        side=len(rows) + 2 * symbol.QUIET, style=style, script=script,
    )  # fmt: skip


def _none(request: Request[Any, Any, Any], status: int, headers: dict[str, str]) -> Response[str]:
    style = _style(Look())
    answer = page(request, "promo_none.html", _headers("", style) | headers, style=style)
    answer.status_code = status
    return answer


def _style(look: Look) -> str:
    """The page's style in a brand's colours, which are checked when they are set."""
    return (
        f":root{{--ground:{look.background};--ink:{look.ink};--accent:{look.accent};"
        f"--on-accent:{colours.on(look.accent)}}}\n{_read('promo.css')}"
    )


@cache
def _read(name: str) -> str:
    return (resources.files("backend.web") / "static" / name).read_text("utf-8")


def _headers(script: str, style: str) -> dict[str, str]:
    """What stands in the page itself may run, by its hash (CSP level 3, 2.3.1), and nothing else."""
    scripts = f"script-src {_hash(script)}; " if script else ""
    policy = (
        f"default-src 'none'; {scripts}style-src {_hash(style)}; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


router = Router(
    "/",
    route_handlers=[promo, picture, view],
    include_in_schema=False,
    before_request=speak,
    response_headers=[
        ResponseHeader(name=name, value=value) for name, value in HEADERS.items() if name != "Content-Security-Policy"
    ],
)
