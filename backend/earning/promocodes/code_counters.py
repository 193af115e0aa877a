"""An agent's promo codes with the counters of each run."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.promocodes.offer_text import offer_text
from backend.earning.promocodes.schemas import PromoCodeRunStats, PromoCodeStats, RunBonus
from backend.earning.promocodes.words import code_parser
from backend.programmes.rules.explanation import RuleVersion

# Sums over days, not over sales: a code with a hundred thousand sales costs as much as a new one.
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


async def list_codes_with_counters(db: Database, account_id: int, before: int | None, limit: int) -> list[Any]:
    """A page of an account's codes, newest first, with ids below `before`."""
    return await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=limit)


def counted_code(row: Any, versions: Mapping[int, RuleVersion], base_url: str) -> PromoCodeStats:
    """A code with its counters, as the API returns it."""
    return PromoCodeStats(
        id=row.key,
        code=row.code,
        url=code_parser.short_link(base_url, row.code),
        programme_id=row.programme_id,
        campaign=row.campaign,
        currency=row.currency,
        offer=offer_text(versions[row.version_id].rule, row.currency),
        created_at=row.created_at,
        runs=[_run_counters(run, row.code, base_url) for run in row.runs],
        nickname=row.nickname or "",
        closed_at=row.closed_at,
    )


def _run_counters(run: list[Any], code: str, base_url: str) -> PromoCodeRunStats:
    n, name, views, came, paid_in, *bonus = run
    return PromoCodeRunStats(
        n,
        code_parser.short_link(base_url, code, n),
        name=name,
        views=views,
        came=came,
        sum=paid_in,
        bonus=RunBonus(*bonus),
    )
