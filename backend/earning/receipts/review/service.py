"""Decisions about an agent in the review queue: release, claw back, freeze, or overturn a rule."""

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Busy, Invalid, NotFound
from backend.core.settings import Settings
from backend.earning.receipts.awards.current_prices import decide_at_current_prices
from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.earning.receipts.awards.review_awards import ATTEMPTS, RepricedLine, WaitingLine, reprice_lines
from backend.earning.receipts.review import review_decisions
from backend.earning.receipts.review.review_decisions import DecisionResult, PricedDecision
from backend.earning.receipts.review.schemas import PAYING_ACTIONS, ReviewDecisionIn
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes.rules.rule_cache import RuleCache

WAITING = text("""
    SELECT l.id, l.receipt_id, coalesce(r.scanned_at, r.sent_at) AS sent_at, r.at AS bought_at, l.n, l.name,
        l.quantity, l.sum, l.product_id
    FROM reviews v JOIN receipts r ON r.account_id = v.account_id JOIN receipt_lines l ON l.receipt_id = r.id
    WHERE v.id = :review AND v.brand_id = :brand AND l.brand_id = :brand AND l.state = 'review' AND l.reason = 'checked'
    ORDER BY l.id
""")
KNOWN_RULE = text("""
    SELECT count(*) AS n FROM receipt_signals WHERE review_id = :review AND brand_id = :brand AND rule = :rule
""")
UNFREEZE = text("""
    DELETE FROM freezes f USING accounts a
    WHERE f.brand_id = :brand AND a.id = f.account_id AND a.card_number = :card RETURNING f.account_id
""")


class RuleNotFound(Invalid):
    """This rule has found nothing here. Name the rule of one of the findings, or none."""

    code = "rule_not_found"


class NotFrozen(NotFound):
    """Your brand has not frozen this card number."""

    code = "not_frozen"


async def decide_review(
    db: Database,
    settings: Settings,
    rule_cache: RuleCache,
    member: Member,
    review: int,
    decision: ReviewDecisionIn,
    now: datetime,
) -> bool:
    """Decide an item and pay in one transaction. Idempotent. False: the decision is a proposal, and a second person has
    to confirm it.

    Raises:
        ReviewUnknown, ReviewDecided, SecondPersonNeeded, RuleNotFound. Busy: the rules changed during each attempt.
    """
    if decision.rule is not None:
        await _check_rule(db, member, review, decision)
    above = settings.numbers.at("second_person_above", now.date())

    async def decide(lines: list[RepricedLine]) -> DecisionResult:
        priced = PricedDecision(decision, lines, above)
        return await db.transaction(partial(review_decisions.decide, member=member, review_id=review, decision=priced))

    price = partial(price_waiting_lines, db, settings, rule_cache, member, review, decision.action, now)
    try:
        result = await decide_at_current_prices(rule_cache, ATTEMPTS, price, decide)
    except PricesOutdated as error:
        raise Busy from error
    return result is not DecisionResult.PROPOSED


async def _check_rule(db: Database, member: Member, review: int, decision: ReviewDecisionIn) -> None:
    row = await db.call(KNOWN_RULE, review=review, brand=member.brand_id, rule=decision.rule)
    if decision.action != "rule_wrong" or (row.n == 0 and await _review_exists(db, member, review)):
        raise RuleNotFound


async def _review_exists(db: Database, member: Member, review: int) -> bool:
    query = text("SELECT id FROM reviews WHERE id = :review AND brand_id = :brand")
    return bool(await db.rows(query, review=review, brand=member.brand_id))


async def price_waiting_lines(
    db: Database, settings: Settings, rule_cache: RuleCache, member: Member, review: int, action: str, now: datetime
) -> tuple[list[RepricedLine], set[int]]:
    """The lines in review with their awards by the current rules; none if the action does not pay."""
    if action not in PAYING_ACTIONS:
        return [], set()
    rows = await db.rows(WAITING, review=review, brand=member.brand_id)
    hours = settings.numbers.at("receipt_age_hours", now.date())
    return await reprice_lines(db, rule_cache, member.brand_id, [waiting_line(row) for row in rows], now, hours)


def waiting_line(row: Any, product: int | None = None) -> WaitingLine:
    """A line in review, from its row. `product`: the one that a reviewer has just named."""
    product_id = product if product is not None else row.product_id
    return WaitingLine(
        row.id, row.receipt_id, row.sent_at, row.n, row.name, row.quantity, row.sum, product_id, row.bought_at
    )


async def unfreeze_account(session: AsyncSession, member: Member, card: str) -> None:
    """End a freeze; lines in review stay there until they are decided.

    Raises:
        NotFrozen: the brand has not frozen this agent.
    """
    rows = (await session.execute(UNFREEZE, {"brand": member.brand_id, "card": card})).all()
    if not rows:
        raise NotFrozen
    audit_log.record(session, member, "review.unfrozen", account=rows[0].account_id)
