"""The files that the pages load: our own, and Swagger UI from its package. They are few, so they stay in memory."""

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
    """A file as it is sent, and compressed where the browser takes that."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


@cache
def known() -> dict[str, Asset]:
    """All files by name; nothing else is served, whatever the address says."""
    web, swagger = importlib.resources.files("backend.web"), importlib.resources.files("flask_swagger_ui")
    own = {name: _read(web / "static" / name) for name in OWN}
    return own | {name: _read(swagger / "dist" / name) for name in SWAGGER}


def _read(path: Traversable) -> Asset:
    content = path.read_bytes()
    return Asset(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=MEDIA[path.name.rpartition(".")[2]],
        version=hashlib.blake2b(content, digest_size=6).hexdigest(),
    )


def address(name: str) -> str:
    """Where a file is: the address changes with the file, so browsers may keep it for good."""
    return f"/assets/{name}?v={known()[name].version}"
