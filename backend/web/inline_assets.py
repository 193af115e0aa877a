"""Inline styles and scripts of pages, for link previews and weak networks."""

import base64
import hashlib
from functools import cache
from importlib import resources

from backend.earning.promocodes.cards.artwork import colours
from backend.earning.promocodes.cards.artwork.content import CardStyle


def page_style(style: CardStyle) -> str:
    """The CSS of a page in a brand's colours, which were validated when they were set."""
    return (
        f":root{{--ground:{style.background};--ink:{style.ink};--accent:{style.accent};"
        f"--on-accent:{colours.readable_on(style.accent)}}}\n{read_static('promo.css')}"
    )


@cache
def read_static(name: str) -> str:
    """A file of `static`."""
    return (resources.files("backend.web") / "static" / name).read_text("utf-8")


def page_headers(script: str, style: str) -> dict[str, str]:
    """Headers of a page. Only its inline script and style may run, by their hashes (CSP level 3, 2.3.1)."""
    scripts = f"script-src {_content_hash(script)}; " if script else ""
    policy = (
        f"default-src 'none'; {scripts}style-src {_content_hash(style)}; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}


def _content_hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
