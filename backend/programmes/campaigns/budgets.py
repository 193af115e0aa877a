"""Budgets of campaigns in minor units, in sixteen slices so that transactions do not all wait for one row."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta
from sqlalchemy import BigInteger, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict
from backend.core.settings import Settings
from backend.identity.approvals import service as approvals
from backend.identity.brands.authentication import Member
from backend.programmes.models import BudgetSlice, Campaign

SLICE_COUNT = 16
UNLIMITED_AMOUNT = 10**15  # the amount of an approval that removes a budget
State = Literal["ok", "low", "spent"]
BudgetState = Annotated[
    State, Meta(description="How much of the budget is left; nothing where there is none.", examples=["ok"])
]
BudgetLeft = Annotated[int, Meta(description="Of the budget in per cent, in steps of ten.", examples=[70])]


class BudgetSpent(Conflict):
    """More than this has been paid already. The budget cannot be lower than what was paid."""

    code = "budget_spent"


def budget_state(budget: int | None, left: int | None, low_percent: int, need: int = 1) -> tuple[State, int] | None:
    """The state of a budget and the rest of it in steps of ten per cent, as agents may see it before they print cards.
    It is spent if less than `need` is left."""
    if budget is None:
        return None
    left = left or 0
    share = left * 100 // budget if budget else 0
    state: State = "spent" if left < max(1, need) else "low" if share < low_percent else "ok"
    return state, share // 10 * 10


def split_into_slices(total: int) -> list[int]:
    """Sixteen parts of a total that differ by one at most."""
    return [total // SLICE_COUNT + (number < total % SLICE_COUNT) for number in range(SLICE_COUNT)]


async def remaining_budgets(session: AsyncSession, campaign_ids: Iterable[int]) -> dict[int, int]:
    """The rest of the budgets by campaign id; campaigns without a budget are left out."""
    left = cast(func.sum(BudgetSlice.remaining), BigInteger).label("remaining")
    rows = select(BudgetSlice.campaign_id, left).where(BudgetSlice.campaign_id.in_(list(campaign_ids)))
    result = await session.execute(rows.group_by(BudgetSlice.campaign_id))
    return {row.campaign_id: row.remaining for row in result}


class BudgetChange(NamedTuple):
    """The key of a campaign, the campaign if it exists, and its wanted budget."""

    key: str
    campaign: Campaign | None
    new_budget: int | None


async def require_approval(
    session: AsyncSession, settings: Settings, member: Member, change: BudgetChange, now: datetime
) -> None:
    """Check that a budget needs no approval, or consume its approval.

    Lowering needs none. Removing a budget counts as raising it without a limit. A new campaign may have no budget.

    Raises:
        ApprovalRequired: it is raised above `budget_alone_most` without an approval.
    """
    old = (
        0 if change.campaign is None else UNLIMITED_AMOUNT if change.campaign.budget is None else change.campaign.budget
    )
    new = (UNLIMITED_AMOUNT if change.campaign else 0) if change.new_budget is None else change.new_budget
    if new > old:
        operation = approvals.ApprovalOperation("budget", change.key, new)
        await approvals.require_approval(
            session, member, operation, settings.numbers.at("budget_alone_most", now.date())
        )


async def change_budget(session: AsyncSession, campaign: Campaign, budget: int | None) -> None:
    """Set, raise, lower or remove a budget. What was paid under the old budget counts; what was paid without does not.

    Raises:
        BudgetSpent: more than the new budget has been paid.
    """
    old, campaign.budget = campaign.budget, budget
    slices = select(BudgetSlice.remaining).where(BudgetSlice.campaign_id == campaign.id)
    # A payment under way locks one slice, so all are locked in order before they are counted.
    left = sum(await session.scalars(slices.order_by(BudgetSlice.slice).with_for_update()))
    paid = old - left if old is not None else 0
    if budget is None:
        await session.execute(delete(BudgetSlice).where(BudgetSlice.campaign_id == campaign.id))
        return
    if budget < paid:
        raise BudgetSpent
    await _write_slices(session, campaign.id, split_into_slices(budget - paid))


async def _write_slices(session: AsyncSession, campaign_id: int, parts: list[int]) -> None:
    rows = [{"campaign_id": campaign_id, "slice": number, "remaining": part} for number, part in enumerate(parts)]
    new = insert(BudgetSlice).values(rows)
    await session.execute(
        new.on_conflict_do_update(index_elements=["campaign_id", "slice"], set_={"remaining": new.excluded.remaining})
    )
