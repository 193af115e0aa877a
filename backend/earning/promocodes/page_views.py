"""View counts of promo code pages, sent by the page itself: without cookies, and hard to inflate."""

import re
from collections.abc import Mapping

from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.earning.promocodes.displayed_code import DisplayedCode

WINDOW_SECONDS = 1800
# User agents that run a page's script but are no people: previews, robots that identify themselves, tools.
ROBOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|facebookexternalhit|facebot|whatsapp|telegram|vkshare|skypeuri|"
    r"embedly|pinterest|headless|lighthouse|phantomjs|python|curl|wget|java/|okhttp|go-http|monitor",
    re.IGNORECASE,
)
COUNT = text("""
    INSERT INTO promo_views AS v (code_id, n, day, views)
    SELECT CAST(:code_id AS bigint), CAST(:run AS int), CAST(:day AS date), 1 WHERE CAST(:code_id AS bigint) IS NOT NULL
    ON CONFLICT (code_id, n, day) DO UPDATE SET views = v.views + 1
""")


def is_from_person(headers: Mapping[str, str]) -> bool:
    """Whether the headers of a view look like those of a page that a person opened.

    Requests of other sites and of prefetched pages (W3C: Fetch Metadata, Resource Hints) are not counted.
    """
    agent = headers.get("user-agent", "")
    is_prefetch = "prefetch" in headers.get("sec-purpose", "") or headers.get("purpose") == "prefetch"
    is_cross_site = headers.get("sec-fetch-site", "same-origin") != "same-origin"
    return bool(agent) and not is_prefetch and not is_cross_site and not ROBOTS.search(agent)


async def count_view(db: Database, displayed: DisplayedCode | None, network: str) -> bool:
    """Count a view of an open code's run once per network and half hour. Returns whether it was counted.

    A miss runs as many statements: its rate limit counter takes the place of the view's.
    """
    is_new = False
    if displayed is not None:
        key = f"view:{displayed.code_id}.{displayed.run}:{network}"
        is_new = (await db.call(rate_limits.COUNT_REQUEST, key=key, seconds=WINDOW_SECONDS, add=1)).total == 1
    code_id, run, day = (displayed.code_id, displayed.run, displayed.today) if displayed and is_new else (None, 0, None)
    await db.rows(COUNT, code_id=code_id, run=run, day=day)
    return is_new
