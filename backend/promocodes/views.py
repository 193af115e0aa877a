"""How often a code's page was opened: told by the page itself, without cookies, and hard to inflate."""

import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text

from backend import limits
from backend.database import Database
from backend.errors import TooManyRequests
from backend.promocodes import shown
from backend.promocodes.spelling import Spelled

WINDOW_SECONDS = 1800
# Those who run a page's script all the same: previews and robots that say who they are, and tools.
ROBOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|facebookexternalhit|facebot|whatsapp|telegram|vkshare|skypeuri|"
    r"embedly|pinterest|headless|lighthouse|phantomjs|python|curl|wget|java/|okhttp|go-http|monitor",
    re.IGNORECASE,
)
COUNT = text("""
    INSERT INTO promo_views AS v (code_id, n, day, views) VALUES (:code_id, :run, :day, 1)
    ON CONFLICT (code_id, n, day) DO UPDATE SET views = v.views + 1
""")


def is_person(headers: Mapping[str, str]) -> bool:
    """Whether a view was sent by a page that somebody looks at, as far as its headers tell.

    Other sites' pages and pages fetched ahead of time (W3C: Fetch Metadata, Resource Hints) are nobody's view.
    """
    agent = headers.get("user-agent", "")
    ahead = "prefetch" in headers.get("sec-purpose", "") or headers.get("purpose") == "prefetch"
    elsewhere = headers.get("sec-fetch-site", "same-origin") != "same-origin"
    return bool(agent) and not ahead and not elsewhere and not ROBOTS.search(agent)


async def count(db: Database, spelled: Spelled, network: str, now: datetime) -> bool:
    """Count a view of an open code's run, once in half an hour for each network; says whether it was counted."""
    found = await shown.of_code(db, spelled, now)
    if found is None:
        return False
    try:
        await limits.spend(db, f"view:{found.code_id}.{found.run}:{network}", seconds=WINDOW_SECONDS, most=1)
    except TooManyRequests:
        return False
    await db.rows(COUNT, code_id=found.code_id, run=found.run, day=found.today)
    return True
