"""The decision of a reviewer about an item, in one transaction with its payments.

Order of locks: the account -> its receipts by id -> the item -> units -> wallets -> budgets, as a settlement does.
Receipts and the item are locked with NO KEY UPDATE: flag_line holds the item and reads the receipt by its foreign key.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import lock_account
from backend.core.http.errors import Conflict, NotFound
from backend.earning.receipts.awards.clawbacks import take_back
from backend.earning.receipts.awards.payment_steps import PricesOutdated, refresh_state
from backend.earning.receipts.awards.review_awards import RepricedLine
from backend.earning.receipts.models import Receipt, ReceiptLine, ReceiptSignal, Review, ReviewStep
from backend.earning.receipts.review.review_payments import pay_lines
from backend.earning.receipts.review.review_steps import (
    add_step,
    freeze_account,
    is_confirmation,
    propose,
    record_event,
)
from backend.earning.receipts.review.schemas import PAYING_ACTIONS, ReviewAction, ReviewDecisionIn
from backend.identity.brands.authentication import Member


class DecisionResult(StrEnum):
    """The result of a decision. A proposal waits for a second person."""

    DECIDED = "decided"
    REPEATED = "repeated"
    FROZEN = "frozen"
    PROPOSED = "proposed"


class ReviewUnknown(NotFound):
    """Your brand has no such item to review."""

    code = "review_unknown"


class ReviewDecided(Conflict):
    """This has already been decided differently."""

    code = "review_decided"


class ReviewScope(msgspec.Struct, frozen=True):
    """The lines of a decision: those in review, their receipts, and what the lines were worth before.

    `flagged` are the receipts of the findings, whose paid lines a clawback takes back.
    """

    flagged: list[int]
    waiting: list[int]
    receipts: list[int]
    amount: int


class PricedDecision(msgspec.Struct, frozen=True):
    """A reviewer's decision, with the awards of the lines in review by the current rules, none if it does not pay.
    `above`: the minor units that one person may release."""

    request: ReviewDecisionIn
    lines: Sequence[RepricedLine]
    above: int

    @property
    def action(self) -> ReviewAction:
        """What is to be done."""
        return ReviewAction(self.request.action)

    @property
    def pays(self) -> bool:
        """Whether the lines in review are paid."""
        return self.action in PAYING_ACTIONS

    @property
    def worth(self) -> int:
        """What it pays before caps, in minor units."""
        return sum(line.worth for line in self.lines)


async def decide(session: AsyncSession, member: Member, review_id: int, decision: PricedDecision) -> DecisionResult:
    """Decide an item of the queue and pay its lines as they were priced. Idempotent.

    Raises:
        ReviewUnknown, ReviewDecided, SecondPersonNeeded.
        PricesOutdated: the lines in review are not those that were priced, or the rules or a budget changed.
    """
    account_id = await _account_of(session, member, review_id)
    await lock_account(session, account_id)
    scope = await _lock_receipts(session, member, review_id, account_id, decision.action)
    review = await _lock_review(session, review_id)
    if review.decided_at is not None:
        return await _repeated(session, review, decision.request)
    if decision.action is ReviewAction.FREEZE:
        await freeze_account(session, member, review, decision.request)
        return DecisionResult.FROZEN
    if decision.pays and scope.waiting != sorted(line.line for line in decision.lines):
        raise PricesOutdated
    if decision.worth > decision.above and not await is_confirmation(
        session, member, review, decision.request, decision.worth
    ):
        await propose(session, member, review, decision.request, decision.worth)
        return DecisionResult.PROPOSED
    await _close(session, member, review, decision)
    await _apply(session, member, review, decision, scope)
    return DecisionResult.DECIDED


async def _account_of(session: AsyncSession, member: Member, review_id: int) -> int:
    query = select(Review.account_id).where(Review.id == review_id, Review.brand_id == member.brand_id)
    account_id: int | None = await session.scalar(query)
    if account_id is None:
        raise ReviewUnknown
    return account_id


async def _lock_receipts(
    session: AsyncSession, member: Member, review_id: int, account_id: int, action: ReviewAction
) -> ReviewScope:
    flagged_receipts = select(ReceiptSignal.receipt_id).where(
        ReceiptSignal.review_id == review_id, ReceiptSignal.brand_id == member.brand_id
    )
    flagged = sorted((await session.scalars(flagged_receipts.distinct())).all())
    decided: ColumnElement[bool] = and_(ReceiptLine.state == "review", ReceiptLine.reason == "checked")
    if action is ReviewAction.CLAW_BACK:
        decided = or_(decided, and_(ReceiptLine.receipt_id.in_(flagged), ReceiptLine.state.in_(("paid", "review"))))
    columns = ReceiptLine.id, ReceiptLine.receipt_id, ReceiptLine.state, ReceiptLine.amount, ReceiptLine.returned
    query = select(*columns).join(Receipt, Receipt.id == ReceiptLine.receipt_id)
    query = query.where(Receipt.account_id == account_id, ReceiptLine.brand_id == member.brand_id, decided)
    rows = (await session.execute(query.order_by(ReceiptLine.id))).all()
    receipts = sorted({row.receipt_id for row in rows})
    locked = select(Receipt.id).where(Receipt.id.in_(receipts)).order_by(Receipt.id)
    await session.execute(locked.with_for_update(key_share=True))
    waiting = [row.id for row in rows if row.state == "review"]
    return ReviewScope(flagged, waiting, receipts, sum(row.amount - row.returned for row in rows))


async def _lock_review(session: AsyncSession, review_id: int) -> Review:
    query = select(Review).where(Review.id == review_id).with_for_update(key_share=True)
    return (await session.scalars(query)).one()


async def _repeated(session: AsyncSession, review: Review, decision: ReviewDecisionIn) -> DecisionResult:
    step = select(ReviewStep.rule).where(ReviewStep.review_id == review.id, ReviewStep.final)
    rule = await session.scalar(step)
    is_same_rule = decision.action != "rule_wrong" or rule == decision.rule
    if review.decision != decision.action or not is_same_rule:
        raise ReviewDecided
    return DecisionResult.REPEATED


async def _close(session: AsyncSession, member: Member, review: Review, decision: PricedDecision) -> None:
    request = decision.request
    closed = {"decided_at": func.now(), "decision": request.action, "note": request.note}
    await session.execute(update(Review).where(Review.id == review.id).values(**closed, staff_id=member.staff_id))
    add_step(session, member, review, request, decision.worth, final=True)
    await session.flush()


async def _apply(
    session: AsyncSession, member: Member, review: Review, decision: PricedDecision, scope: ReviewScope
) -> None:
    """Pay or claw back the lines, refresh their receipts and write the event."""
    if decision.pays:
        await pay_lines(session, review.account_id, decision.lines, member.staff_id)
    else:
        await _claw_back(session, member, scope)
    for receipt_id in scope.receipts:
        await refresh_state(session, receipt_id, "no_products", member.brand_id)
    await _record_decision(session, member, review, decision.request, scope)


async def _claw_back(session: AsyncSession, member: Member, scope: ReviewScope) -> None:
    """Refuse the lines in review, and take back the paid lines of the flagged receipts."""
    changes = {"reason": "clawed_back", "staff_id": member.staff_id}
    # Lines in review first: a clawback must not refresh the state of a receipt whose lines are about to be refused.
    refused = update(ReceiptLine).where(ReceiptLine.id.in_(scope.waiting)).values(state="refused", **changes)
    await session.execute(refused)
    paid = select(ReceiptLine.id).where(
        ReceiptLine.receipt_id.in_(scope.flagged),
        ReceiptLine.brand_id == member.brand_id,
        ReceiptLine.state == "paid",
        ReceiptLine.returned_quantity < ReceiptLine.quantity,
    )
    for line_id in (await session.scalars(paid.order_by(ReceiptLine.id))).all():
        await take_back(session, line_id)
        await session.execute(update(ReceiptLine).where(ReceiptLine.id == line_id).values(**changes))


async def _record_decision(
    session: AsyncSession, member: Member, review: Review, decision: ReviewDecisionIn, scope: ReviewScope
) -> None:
    """Write the event, with the change of what the lines pay."""
    is_clawback = decision.action == "claw_back"
    query = select(func.coalesce(func.sum(ReceiptLine.amount - ReceiptLine.returned), 0)).where(
        ReceiptLine.receipt_id.in_(scope.receipts), ReceiptLine.brand_id == member.brand_id
    )
    if not is_clawback:
        query = query.where(ReceiptLine.id.in_(scope.waiting))
    amount = int((await session.execute(query)).scalar_one()) - (scope.amount if is_clawback else 0)
    figures = {"action": decision.action, "rule": decision.rule, "points": review.points, "amount": amount}
    record_event(session, member, review, "review.decided", **figures)
