"""The steps of an item: a freeze, a proposal that a second person has to confirm, and the decision."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.http.errors import Conflict
from backend.earning.receipts.models import Freeze, Review, ReviewStep
from backend.earning.receipts.review.schemas import PAYING_ACTIONS, ReviewDecisionIn
from backend.identity.brands.authentication import Member


class SecondPersonNeeded(Conflict):
    """This is more than one person may release. Another person of your brand has to confirm it."""

    code = "second_person_needed"


async def freeze_account(session: AsyncSession, member: Member, review: Review, decision: ReviewDecisionIn) -> None:
    """Freeze the agent of an item, once: all new lines go to review. The item stays open."""
    row = {"brand_id": member.brand_id, "account_id": review.account_id, "staff_id": member.staff_id}
    new = insert(Freeze).values(row).on_conflict_do_nothing().returning(Freeze.account_id)
    if await session.scalar(new) is not None:
        add_step(session, member, review, decision, 0, final=False)
        record_event(session, member, review, "review.frozen")


async def is_confirmation(
    session: AsyncSession, member: Member, review: Review, decision: ReviewDecisionIn, value: int
) -> bool:
    """Whether a second person confirms the latest proposal to pay: the same action, for no more than its amount.

    Raises:
        SecondPersonNeeded: it is this person's own proposal.
    """
    paying_steps = select(ReviewStep).where(ReviewStep.review_id == review.id, ReviewStep.action.in_(PAYING_ACTIONS))
    proposal = await session.scalar(paying_steps.order_by(ReviewStep.id.desc()).limit(1))
    if proposal is None or (proposal.action, proposal.rule) != (decision.action, decision.rule):
        return False
    if proposal.amount < value:
        return False
    if proposal.staff_id == member.staff_id:
        raise SecondPersonNeeded
    return True


async def propose(
    session: AsyncSession, member: Member, review: Review, decision: ReviewDecisionIn, value: int
) -> None:
    """Store a proposal to pay, which another person has to confirm."""
    add_step(session, member, review, decision, value, final=False)
    record_event(session, member, review, "review.proposed", action=decision.action, amount=value)


def add_step(
    session: AsyncSession, member: Member, review: Review, decision: ReviewDecisionIn, amount: int, *, final: bool
) -> None:
    """Add what a member of staff did about an item. `amount`: what it pays before caps."""
    session.add(
        ReviewStep(
            brand_id=member.brand_id,
            review_id=review.id,
            staff_id=member.staff_id,
            action=decision.action,
            rule=decision.rule,
            note=decision.note,
            amount=amount,
            final=final,
        )
    )


def record_event(session: AsyncSession, member: Member, review: Review, kind: str, **body: str | int | None) -> None:
    """Write an event about an item."""
    events.record(
        session,
        kind,
        brand_id=member.brand_id,
        account_id=review.account_id,
        staff_id=member.staff_id,
        review=review.id,
        **body,
    )
