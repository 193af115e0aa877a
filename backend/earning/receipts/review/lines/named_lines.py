"""The lines of one receipt, after a reviewer's decision about their wording, in one transaction.

Order of locks: as in `review_decisions.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import lock_account
from backend.earning import fraud_rules
from backend.earning.receipts.awards.payment_steps import refresh_state
from backend.earning.receipts.awards.review_awards import RepricedLine
from backend.earning.receipts.awards.signals import flag_line, open_review
from backend.earning.receipts.models import Freeze, Receipt, ReceiptLine, ReceiptSignal, Review
from backend.earning.receipts.review.review_payments import line_values, pay_lines
from backend.identity.brands.authentication import Member


class ReviewLimits(NamedTuple):
    """When a held line must be decided, the minor units of a receipt beyond which it is held, and the maximum age of a
    receipt for campaigns without one of their own."""

    decide_by: datetime
    above: int
    age_hours: int


async def decide_lines(
    session: AsyncSession, member: Member, receipt_id: int, lines: Sequence[RepricedLine], limits: ReviewLimits
) -> int:
    """Pay the lines as they were priced, or refuse them. Returns the number of lines decided; lines that were decided
    meanwhile are not changed.

    Lines of an agent with an open item or a freeze stay in review with their product, and so does a payment that one
    person may not release.

    Raises:
        PricesOutdated: the rules or a budget changed.
    """
    account_id = (await session.execute(select(Receipt.account_id).where(Receipt.id == receipt_id))).scalar_one()
    await lock_account(session, account_id)
    await session.execute(select(Receipt.id).where(Receipt.id == receipt_id).with_for_update(key_share=True))
    lines = await _undecided(session, member, receipt_id, lines)
    if not lines:
        return 0
    payable = [line for line in lines if line.state == "paid"]
    if payable and await _is_held(session, member, receipt_id, account_id, payable, limits):
        await _hold(session, member, payable)
        payable_ids = {line.line for line in payable}
        await pay_lines(session, account_id, [line for line in lines if line.line not in payable_ids], member.staff_id)
    else:
        await pay_lines(session, account_id, lines, member.staff_id)
    by_alias = update(ReceiptLine).where(ReceiptLine.id.in_([line.line for line in lines]), ReceiptLine.state == "paid")
    await session.execute(by_alias.values(how="alias").execution_options(synchronize_session=False))
    await refresh_state(session, receipt_id, "no_products", member.brand_id)
    return len(lines)


async def _undecided(
    session: AsyncSession, member: Member, receipt_id: int, lines: Sequence[RepricedLine]
) -> list[RepricedLine]:
    query = select(ReceiptLine.id).where(
        ReceiptLine.id.in_([line.line for line in lines]),
        ReceiptLine.receipt_id == receipt_id,
        ReceiptLine.brand_id == member.brand_id,
        ReceiptLine.state == "review",
        ReceiptLine.reason == "doubtful",
    )
    undecided = {*(await session.scalars(query)).all()}
    return [line for line in lines if line.line in undecided]


async def _is_held(
    session: AsyncSession,
    member: Member,
    receipt_id: int,
    account_id: int,
    payable: Sequence[RepricedLine],
    limits: ReviewLimits,
) -> bool:
    """Whether the lines stay in review. If no item is open for them, opens one."""
    amount = sum(line.worth for line in payable)
    is_frozen = await session.get(Freeze, (member.brand_id, account_id)) is not None
    # A decision of one person does not pay more than one person may release.
    large = fraud_rules.large_amount(amount, limits.above)
    if large:
        await flag_line(session, payable[0].line, large, limits.decide_by)
    if is_frozen or large:
        await open_review(session, member.brand_id, account_id, 0, limits.decide_by)
        return True
    open_item = exists().where(
        ReceiptSignal.receipt_id == receipt_id,
        ReceiptSignal.brand_id == member.brand_id,
        Review.id == ReceiptSignal.review_id,
        Review.decided_at.is_(None),
    )
    return bool(await session.scalar(select(open_item)))


async def _hold(session: AsyncSession, member: Member, lines: Sequence[RepricedLine]) -> None:
    named = line_values(lines)
    held = update(ReceiptLine).where(ReceiptLine.id == named.c.line)
    changes = {"reason": "checked", "product_id": named.c.product, "how": "alias", "staff_id": member.staff_id}
    await session.execute(held.values(changes).execution_options(synchronize_session=False))
