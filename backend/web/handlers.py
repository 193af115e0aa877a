"""Pages for people: what this is, a form to try a scan, the page behind a label's code, and the API reference."""

from typing import Annotated, Any

from litestar import Request, Response, Router, route
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, PathParameter

from backend.errors import catalogue
from backend.language import language
from backend.web import assets
from backend.web.render import page

Described = NamedDependency[str]
# A crawler or a preview asks with HEAD; it gets the headers of the page and changes nothing.
READ = [HttpMethod.GET, HttpMethod.HEAD]
CODE = Annotated[str, PathParameter(max_length=64)]

# Nothing from elsewhere, nothing inline; the addresses of labels hold codes, so no address is told to anybody.
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


async def choose_language(request: Request[Any, Any, Any]) -> None:
    """The switch on the page goes before what the browser asks for."""
    wanted = request.query_params.get("lang")
    if wanted in ("ru", "en"):
        language.set("ru" if wanted == "ru" else "en")


@route("/", http_method=READ)
async def home(request: Request[Any, Any, Any]) -> Response[str]:
    """What this is, where the logins are, and a form to try a scan."""
    return page(request, "home.html")


@route(["/C/{code:str}", "/c/{code:str}"], http_method=READ)
async def label(request: Request[Any, Any, Any], code: CODE) -> Response[str]:
    """The address on a label. It says nothing about the code and claims nothing: a person presses the button."""
    return page(request, "label.html", {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}, code=code)


@route("/docs", http_method=READ)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """The API reference."""
    return page(request, "docs.html")


@route("/docs/problems", http_method=READ)
async def problems(request: Request[Any, Any, Any]) -> Response[str]:
    """All refusals there are: the `type` of each problem points here."""
    return page(request, "problems.html", refusals=catalogue())


@route("/openapi.json", http_method=READ)
async def openapi(description: Described) -> Response[str]:
    """The description of the API, as it is committed."""
    return Response(description, media_type="application/json", headers={"Cache-Control": "no-cache"})


@route("/assets/{name:str}", http_method=READ)
async def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A file that the pages load."""
    found = assets.known().get(name)
    if found is None:
        raise NotFoundException
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(found.compressed if zipped else found.content, media_type=found.media_type, headers=headers)


router = Router(
    "/",
    route_handlers=[home, label, docs, problems, openapi, asset],
    include_in_schema=False,
    before_request=choose_language,
    response_headers=[ResponseHeader(name=name, value=value) for name, value in HEADERS.items()],
)
