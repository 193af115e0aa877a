"""Rendering of page templates in the caller's language."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

from backend.core.http.requests import HTTPRequest
from backend.core.language import POINTS, language, translate
from backend.web import assets


@cache
def _create_environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {"translate": translate, "asset": assets.asset_url, "points": _point_names}
    return env


def _point_names() -> dict[str, str]:
    """The word for points by CLDR plural category, for amounts that scripts of the page format."""
    return POINTS if language.get() == "ru" else {"one": "point", "other": "points"}


def render_page(
    request: HTTPRequest, template: str, headers: dict[str, str] | None = None, **values: object
) -> Response[str]:
    """Render a page. `lang` is its language; `keep` is the query that links carry on if the reader chose it."""
    chosen = request.query_params.get("lang") in ("ru", "en")
    keep = f"?lang={language.get()}" if chosen else ""
    content = _create_environment().get_template(template).render(values, lang=language.get(), keep=keep)
    return Response(content, media_type="text/html", headers={"Cache-Control": "no-cache"} | (headers or {}))
