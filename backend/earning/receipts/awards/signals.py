"""Signals of fraud rules about receipts: what the rules need to know, and where their findings are stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.fraud_rules import FALLIBLE_RULES, VERSION, FoundSignal, ReceiptCounts, ReceiptThresholds
from backend.earning.receipts.models import Receipt, ReceiptLine, ReceiptSignal, Review
from scanning.receipts import regions
from scanning.receipts.document import Document

THRESHOLDS = {
    "day": "receipts_agent_day",
    "hour": "receipts_agent_hour",
    "shop": "receipts_agent_shop",
    "quick": "receipts_quick_week",
    "share_percent": "till_share_percent",
    "min_own": "till_share_least",
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
# Around the purchase of a claimed receipt, which is counted itself.
COUNTS = text("""
    SELECT agent.day, agent.hour, agent.shop, quick.receipts AS quick, till.own, till.numbers
    FROM receipt_claims c CROSS JOIN LATERAL (
        SELECT count(*) AS day,
            count(*) FILTER (WHERE o.bought_at BETWEEN c.bought_at - interval '1 hour'
                AND c.bought_at + interval '1 hour') AS hour,
            count(*) FILTER (WHERE o.seller_inn = c.seller_inn AND o.bought_at
                BETWEEN c.bought_at - interval '10 minutes' AND c.bought_at + interval '10 minutes') AS shop
        FROM receipt_claims o WHERE o.account_id = c.account_id
            AND o.bought_at BETWEEN c.bought_at - interval '1 day' AND c.bought_at + interval '1 day'
    ) AS agent CROSS JOIN LATERAL (
        SELECT count(*) AS receipts FROM receipt_claims o
        WHERE o.account_id = c.account_id AND o.till = c.till AND o.quick
            AND o.bought_at BETWEEN c.bought_at - interval '7 days' AND c.bought_at + interval '7 days'
    ) AS quick CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE o.account_id = c.account_id) AS own, max(o.number) - min(o.number) + 1 AS numbers
        FROM receipt_claims o WHERE o.till = c.till AND o.bought_at >= date_trunc('day', c.bought_at)
            AND o.bought_at < date_trunc('day', c.bought_at) + interval '1 day'
    ) AS till
    WHERE c.receipt_id = :receipt
""")


class SignalLimits(msgspec.Struct, frozen=True):
    """Today's thresholds, and the rules in shadow: for all brands by a setting, and for a brand whose reviewers
    overturn them. Decisions of one brand do not change the rules of another."""

    thresholds: ReceiptThresholds
    shadow: frozenset[str]
    shadow_of_brand: dict[int, frozenset[str]]

    def shadow_for(self, brand_id: int) -> frozenset[str]:
        """The rules whose findings a brand only records."""
        return self.shadow | self.shadow_of_brand.get(brand_id, frozenset())


async def signal_limits(db: Database, settings: Settings, now: datetime) -> SignalLimits:
    """The limits of the rules at a time."""
    at, day = settings.numbers.at, now.date()
    minimum, percent = (at(name, day) for name in ("overturned_least", "overturned_percent"))
    rows = await db.rows(OVERTURNED_RULES, least=minimum, percent=percent, rules=list(FALLIBLE_RULES))
    return SignalLimits(
        ReceiptThresholds(**{name: at(number, day) for name, number in THRESHOLDS.items()}),
        frozenset(rule for rule in FALLIBLE_RULES if at(f"shadow_{rule}", day)),
        {row.brand_id: frozenset(row.rules) for row in rows},
    )


async def distance_signals(db: Database, account_id: int, document: Document) -> list[FoundSignal]:
    """Rule 13: two places too far apart for the time between two purchases."""
    if document.region is None:
        return []
    for other in await db.rows(NEAREST_PURCHASES, account=account_id, at=document.at):
        first, second = sorted([(other.bought_at, other.region), (document.at, document.region)])
        if regions.too_fast(first[1], first[0], second[1], second[0]):
            inputs = {"from": first[1], "to": second[1], "at": [str(first[0]), str(second[0])]}
            return [FoundSignal("two_places", 20, inputs)]
    return []


async def receipt_counts(session: AsyncSession, receipt_id: int) -> ReceiptCounts:
    """What the rules count around a claimed receipt. Receipts of one agent count each other, by the account's lock."""
    row = (await session.execute(COUNTS, {"receipt": receipt_id})).one()
    return ReceiptCounts(row.day, row.hour, row.shop, row.quick, row.own, row.numbers)


async def flag_line(session: AsyncSession, line_id: int, signal: FoundSignal, decide_by: datetime) -> None:
    """Add a signal about the receipt of a line, paid or in review, to the agent's item in the brand's queue.

    A rule flags a receipt once for a brand.
    """
    owner = select(ReceiptLine.brand_id, ReceiptLine.receipt_id, Receipt.account_id)
    line = (await session.execute(owner.join(Receipt).where(ReceiptLine.id == line_id))).one()
    is_known = select(ReceiptSignal.id).where(
        ReceiptSignal.receipt_id == line.receipt_id,
        ReceiptSignal.brand_id == line.brand_id,
        ReceiptSignal.rule == signal.rule,
    )
    if await session.scalar(is_known):
        return
    review_id = await open_review(session, line.brand_id, line.account_id, signal.points, decide_by)
    await insert_signals(session, line.brand_id, line.receipt_id, review_id, [signal], shadow=frozenset())


async def insert_signals(
    session: AsyncSession,
    brand_id: int,
    receipt_id: int,
    review_id: int | None,
    signals: Sequence[FoundSignal],
    shadow: frozenset[str],
) -> None:
    """Store signals about a receipt for a brand, once for each rule."""
    rows: list[dict[str, Any]] = [
        {
            "brand_id": brand_id,
            "receipt_id": receipt_id,
            "review_id": review_id,
            "rule": signal.rule,
            "version": VERSION,
            "shadow": signal.rule in shadow,
            "points": signal.points,
            "inputs": signal.inputs,
        }
        for signal in signals
    ]
    if rows:
        await session.execute(insert(ReceiptSignal).values(rows).on_conflict_do_nothing())


async def open_review(session: AsyncSession, brand_id: int, account_id: int, points: int, decide_by: datetime) -> int:
    """The id of the agent's open item in the brand's queue, to which points are added; opens one if there is none."""
    row = {"brand_id": brand_id, "account_id": account_id, "points": points, "decide_by": decide_by}
    new = insert(Review).values(row)
    added = new.on_conflict_do_update(
        index_elements=[Review.brand_id, Review.account_id],
        index_where=Review.decided_at.is_(None),
        set_={"points": Review.points + new.excluded.points},
    )
    return (await session.execute(added.returning(Review.id))).scalar_one()
