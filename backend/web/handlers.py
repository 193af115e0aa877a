"""Pages for people: the home page with a form to try a scan, the page of a label's code, and the API reference."""

from typing import Annotated

from litestar import Response, Router, route
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, PathParameter

from backend.core.http.errors import all_errors
from backend.core.http.requests import HTTPRequest
from backend.core.language import language
from backend.web import assets
from backend.web.render import render_page

Described = NamedDependency[str]
# Crawlers and programs that draw previews use HEAD.
READ = [HttpMethod.GET, HttpMethod.HEAD]
CODE = Annotated[str, PathParameter(max_length=64)]

# Nothing from other origins, nothing inline. No referrer, because the addresses of labels contain codes.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Language",
}


async def choose_language(request: HTTPRequest) -> None:
    """The language switch of the page has precedence over `Accept-Language`."""
    requested = request.query_params.get("lang")
    if requested in ("ru", "en"):
        language.set("ru" if requested == "ru" else "en")


@route("/", http_method=READ)
async def home(request: HTTPRequest) -> Response[str]:
    """The home page: an introduction, links to sign in, and a form to try a scan."""
    return render_page(request, "home.html")


@route(["/C/{code:str}", "/c/{code:str}"], http_method=READ)
async def label(request: HTTPRequest, code: CODE) -> Response[str]:
    """The page of a label's address. It reveals nothing about the code, and claims it only after a click."""
    return render_page(
        request, "label.html", {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}, code=code
    )


@route("/docs", http_method=READ)
async def docs(request: HTTPRequest) -> Response[str]:
    """The API reference."""
    return render_page(request, "docs.html")


@route("/docs/problems", http_method=READ)
async def problems(request: HTTPRequest) -> Response[str]:
    """All errors of the API. The `type` of each problem points here."""
    return render_page(request, "problems.html", refusals=all_errors())


@route("/openapi.json", http_method=READ)
async def openapi(description: Described) -> Response[str]:
    """The committed OpenAPI document."""
    return Response(description, media_type="application/json", headers={"Cache-Control": "no-cache"})


@route("/assets/{name:str}", http_method=READ)
async def asset(request: HTTPRequest, name: FromPath[str]) -> Response[bytes]:
    """A file that the pages load."""
    file = assets.assets_by_name().get(name)
    if file is None:
        raise NotFoundException
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if accepts_gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(file.compressed if accepts_gzip else file.content, media_type=file.media_type, headers=headers)


router = Router(
    "/",
    route_handlers=[home, label, docs, problems, openapi, asset],
    include_in_schema=False,
    before_request=choose_language,
    response_headers=[ResponseHeader(name=name, value=value) for name, value in HEADERS.items()],
)
