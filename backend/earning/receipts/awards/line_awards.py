"""The awards of a line in the ledger, and the clawback of a share of them."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from sqlalchemy import Date, cast, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.receipts.models import ReceiptLine
from backend.identity.accounts.models import Account
from backend.programmes.models import (
    Accrual,
    AdditionalAward,
    AdditionalAwardReturn,
    BudgetSlice,
    CampaignVersion,
    Programme,
)
from payouts import ledger
from payouts.ledger import Cause, WalletKey

LINE_RETURN_CAUSE, ADDITIONAL_AWARD_CAUSE, ADDITIONAL_RETURN_CAUSE = 7, 12, 13
BUDGET_SLICES = 16
THOUSANDTH = Decimal("0.001")


class AwardedCause(NamedTuple):
    """The cause of an award of a line: the line's own, or an additional award with an id. `returned` was clawed back
    before."""

    cause: Cause
    returned: int
    budgeted: bool
    additional_id: int | None = None


class LineAward(NamedTuple):
    """An award with its amount, and where it was earned. `today` is the day in the programme's time zone."""

    awarded: AwardedCause
    amount: int
    account_id: int
    programme_id: int
    campaign_id: int
    today: date
    is_account_open: bool


class BudgetRefund(NamedTuple):
    """What returns to a slice of a campaign's budget."""

    campaign_id: int
    slice: int
    amount: int


def round_quantity(quantity: Decimal) -> Decimal:
    """A quantity as it is stored, to a thousandth."""
    return quantity.quantize(THOUSANDTH, ROUND_HALF_UP)


def due_amount(amount: int, returned_quantity: Decimal, quantity: Decimal) -> int:
    """The part of an award that is clawed back in all once a part of the quantity is returned, rounded down."""
    returned, whole = (int(round_quantity(number).scaleb(3)) for number in (returned_quantity, quantity))
    return amount * returned // whole


async def claw_back_awards(
    session: AsyncSession, line: ReceiptLine, returned_quantity: Decimal, line_return_id: int
) -> int:
    """Claw back from each award of a line, its own and additional ones, once a quantity of it is returned: the same
    share of each, rounded down, less what was clawed back before. Returns the sum.

    The caller holds the account's lock; budgets are locked last, by campaign. A closed account has no points to claw
    back; expired points are not taken again and do not return to a budget.
    """
    total = 0
    refunds: list[BudgetRefund] = []
    for award in await _line_awards(session, line):
        due = due_amount(award.amount, returned_quantity, line.quantity) - award.awarded.returned
        if due <= 0:
            continue
        total += due
        cause = await _clawback_cause(session, award.awarded, line_return_id, due)
        if award.is_account_open:
            moved = await _claw_back(session, award, due, cause)
            if award.awarded.budgeted:
                refunds.append(BudgetRefund(award.campaign_id, award.account_id % BUDGET_SLICES, moved))
    await _refund_budgets(session, refunds)
    return total


async def _line_awards(session: AsyncSession, line: ReceiptLine) -> Sequence[LineAward]:
    """The awards of a line: its own, then the additional ones by id. None before it is paid."""
    causes = {awarded.cause: awarded for awarded in await _awarded_causes(session, line)}
    query = (
        select(
            Accrual.cause,
            Accrual.cause_id,
            Accrual.amount,
            Accrual.account_id,
            Accrual.programme_id,
            CampaignVersion.campaign_id,
            cast(func.timezone(Programme.timezone, func.now()), Date).label("today"),
            Account.closed_at.is_(None).label("is_open"),
        )
        .join(CampaignVersion, CampaignVersion.id == Accrual.version_id)
        .join(Programme, Programme.id == Accrual.programme_id)
        .join(Account, Account.id == Accrual.account_id)
        .where(tuple_(Accrual.cause, Accrual.cause_id).in_([*causes]))
    )
    found = {Cause(row.cause, row.cause_id): row for row in await session.execute(query)}
    return [LineAward(awarded, *found[cause][2:]) for cause, awarded in causes.items() if cause in found]


async def _awarded_causes(session: AsyncSession, line: ReceiptLine) -> list[AwardedCause]:
    if line.cause is None or line.cause_id is None:
        return []
    query = select(AdditionalAward.id, AdditionalAward.returned, AdditionalAward.budgeted).where(
        AdditionalAward.cause == line.cause, AdditionalAward.cause_id == line.cause_id
    )
    additional = [
        AwardedCause(Cause(ADDITIONAL_AWARD_CAUSE, row.id), row.returned, row.budgeted, row.id)
        for row in await session.execute(query.order_by(AdditionalAward.id))
    ]
    own_returned = line.returned - sum(award.returned for award in additional)
    return [AwardedCause(Cause(line.cause, line.cause_id), own_returned, line.budgeted), *additional]


async def _clawback_cause(session: AsyncSession, awarded: AwardedCause, line_return_id: int, due: int) -> Cause:
    """The cause of a clawback. That of an additional award is stored for it."""
    if awarded.additional_id is None:
        return Cause(LINE_RETURN_CAUSE, line_return_id)
    award = update(AdditionalAward).where(AdditionalAward.id == awarded.additional_id)
    await session.execute(award.values(returned=AdditionalAward.returned + due))
    values = {"award_id": awarded.additional_id, "line_return_id": line_return_id, "amount": due}
    stored = await session.execute(insert(AdditionalAwardReturn).values(values).returning(AdditionalAwardReturn.id))
    return Cause(ADDITIONAL_RETURN_CAUSE, stored.scalar_one())


async def _claw_back(session: AsyncSession, award: LineAward, due: int, cause: Cause) -> int:
    """Claw back in the ledger; returns what moved, which is less if points have expired."""
    wallet = WalletKey(award.account_id, award.programme_id, award.today)
    before = await ledger.open_wallet(session, wallet)
    after = await ledger.claw_back(session, wallet, due, award.awarded.cause, cause)
    return before.pending + before.available - after.pending - after.available


async def _refund_budgets(session: AsyncSession, refunds: Iterable[BudgetRefund]) -> None:
    for refund in sorted(refunds):
        budget = update(BudgetSlice).where(
            BudgetSlice.campaign_id == refund.campaign_id, BudgetSlice.slice == refund.slice
        )
        await session.execute(budget.values(remaining=BudgetSlice.remaining + refund.amount))
