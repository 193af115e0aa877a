"""An agent's promo codes with what each run of them brought."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from backend.database import Database
from backend.programmes.explain import Version
from backend.promocodes import spelling
from backend.promocodes.offer_text import offer_text
from backend.promocodes.schemas import BonusOut, PromoCodeCounted, RunCounted

# Sums over days, never over sales: a code with a hundred thousand of them costs what a new one does.
PAGE = text("""
    SELECT c.id, c.key, coalesce(c.shown, c.code) AS code, c.nickname, c.created_at, c.closed_at,
        k.id AS campaign, k.programme_id, g.currency, v.id AS version_id, runs.list AS runs
    FROM promo_codes c JOIN campaigns k ON k.id = c.campaign_id JOIN programmes g ON g.id = k.programme_id
    JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version
    CROSS JOIN LATERAL (
        SELECT coalesce(json_agg(json_build_array(r.n, r.name, coalesce(w.views, 0), r.came, r.sum,
            coalesce(b.pending, 0), coalesce(b.paid, 0), coalesce(b.returned, 0)) ORDER BY r.n), '[]') AS list
        FROM promo_runs r
        LEFT JOIN LATERAL (SELECT sum(views) AS views FROM promo_views WHERE code_id = r.code_id AND n = r.n) w ON true
        LEFT JOIN LATERAL (
            SELECT sum(bonus - returned) FILTER (WHERE matures_on > (now() AT TIME ZONE g.timezone)::date) AS pending,
                sum(bonus - returned) FILTER (WHERE matures_on <= (now() AT TIME ZONE g.timezone)::date) AS paid,
                sum(returned) AS returned
            FROM promo_bonuses WHERE code_id = r.code_id AND n = r.n) b ON true
        WHERE r.code_id = c.id) runs
    WHERE c.account_id = :account AND c.id < :before ORDER BY c.id DESC LIMIT :most
""")


async def page(db: Database, account_id: int, before: int | None, most: int) -> list[Any]:
    """Codes of an account, newest first, from a place on."""
    return await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=most)


def counted(row: Any, versions: Mapping[int, Version], base_url: str) -> PromoCodeCounted:
    """A code with its counters."""
    return PromoCodeCounted(
        id=row.key,
        code=row.code,
        url=spelling.link(base_url, row.code),
        programme_id=row.programme_id,
        campaign=row.campaign,
        currency=row.currency,
        offer=offer_text(versions[row.version_id].rule, row.currency),
        created_at=row.created_at,
        runs=[_run(run, row.code, base_url) for run in row.runs],
        nickname=row.nickname or "",
        closed_at=row.closed_at,
    )


def _run(run: list[Any], code: str, base_url: str) -> RunCounted:
    n, name, views, came, paid_in, *bonus = run
    return RunCounted(
        n, spelling.link(base_url, code, n), name=name, views=views, came=came, sum=paid_in, bonus=BonusOut(*bonus)
    )
