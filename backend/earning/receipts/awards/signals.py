"""Inputs of fraud rules 7 to 10 and 13 (ledger.md, 6): their limits, and the signals found before the transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.settings import Settings
from scanning import regions
from scanning.document import Document

RULES = ("receipt_velocity", "cashier_pattern", "till_share", "two_places")
LIMITS = {
    "day": "receipts_agent_day",
    "hour": "receipts_agent_hour",
    "shop": "receipts_agent_shop",
    "quick": "receipts_quick_week",
    "share": "till_share_percent",
    "least": "till_share_least",
}
NEAREST_PURCHASES = text("""
    (SELECT region, bought_at FROM receipt_claims
        WHERE account_id = :account AND region IS NOT NULL AND bought_at <= :at ORDER BY bought_at DESC LIMIT 1)
    UNION ALL
    (SELECT region, bought_at FROM receipt_claims
        WHERE account_id = :account AND region IS NOT NULL AND bought_at > :at ORDER BY bought_at LIMIT 1)
""")
# The decisions of a brand's reviewers about a rule's findings: `rule_wrong` and a release overturn a finding. A large
# amount or an unclear return is not a finding that may be wrong.
OVERTURNED_RULES = text("""
    SELECT o.brand_id, array_agg(o.rule) AS rules FROM (
        SELECT s.brand_id, s.rule FROM receipt_signals s JOIN reviews v ON v.id = s.review_id
        JOIN review_steps p ON p.review_id = v.id AND p.final
        WHERE v.decided_at > now() - interval '90 days' AND NOT s.shadow AND coalesce(p.rule, s.rule) = s.rule
            AND s.rule = ANY(:rules)
        GROUP BY s.brand_id, s.rule
        HAVING count(*) >= :least
            AND count(*) FILTER (WHERE v.decision IN ('release', 'rule_wrong')) * 100 > :percent * count(*)) AS o
    GROUP BY o.brand_id
""")


async def signal_limits(db: Database, settings: Settings, now: datetime) -> dict[str, Any]:
    """Today's limits, and the rules in shadow: for all brands by a setting (`shadow`), and for a brand whose reviewers
    overturn them (`shadow_of`). Decisions of one brand do not change the rules of another."""
    at, day = settings.numbers.at, now.date()
    shadow = sorted(rule for rule in RULES if at(f"shadow_{rule}", day))
    minimum, percent = (at(name, day) for name in ("overturned_least", "overturned_percent"))
    rows = await db.rows(OVERTURNED_RULES, least=minimum, percent=percent, rules=list(RULES))
    overturned = {str(row.brand_id): sorted(row.rules) for row in rows}
    return {name: at(number, day) for name, number in LIMITS.items()} | {"shadow": shadow, "shadow_of": overturned}


async def distance_signals(db: Database, account_id: int, document: Document) -> list[dict[str, Any]]:
    """Rule 13: two places too far apart for the time between two purchases."""
    if document.region is None:
        return []
    for other in await db.rows(NEAREST_PURCHASES, account=account_id, at=document.at):
        first, second = sorted([(other.bought_at, other.region), (document.at, document.region)])
        if regions.too_fast(first[1], first[0], second[1], second[0]):
            inputs = {"from": first[1], "to": second[1], "at": [str(first[0]), str(second[0])]}
            return [{"rule": "two_places", "points": 20, "inputs": inputs}]
    return []
