"""Files that pages load: our own, and Swagger UI from its package. They are few, so they are held in memory."""

import gzip
import hashlib
import importlib.resources
from functools import cache
from importlib.resources.abc import Traversable

import msgspec

MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
OWN = ("page.css", "try.js", "docs.js", "docs.css", "icon.svg")
SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js")


class Asset(msgspec.Struct, frozen=True):
    """The content of a file, plain and compressed."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


@cache
def assets_by_name() -> dict[str, Asset]:
    """All served files by name."""
    web, swagger = importlib.resources.files("backend.web"), importlib.resources.files("flask_swagger_ui")
    own = {name: _read_asset(web / "static" / name) for name in OWN}
    return own | {name: _read_asset(swagger / "dist" / name) for name in SWAGGER}


def _read_asset(path: Traversable) -> Asset:
    content = path.read_bytes()
    return Asset(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=MEDIA[path.name.rpartition(".")[2]],
        version=hashlib.blake2b(content, digest_size=6).hexdigest(),
    )


def asset_url(name: str) -> str:
    """The URL of a file. It changes with the content, so browsers may cache it without limit."""
    return f"/assets/{name}?v={assets_by_name()[name].version}"
