"""Budgets of campaigns, in sixteen slices so that no row is everybody's. Minor units."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import Conflict
from backend.programmes.models import BudgetSlice, Campaign

SLICES = 16


class BudgetSpent(Conflict):
    """More than this has been paid already. The budget cannot be lower than what was paid."""


def spread(total: int) -> list[int]:
    """Sixteen parts of a total that differ by one at the most."""
    return [total // SLICES + (number < total % SLICES) for number in range(SLICES)]


async def remaining(session: AsyncSession, campaign_ids: Iterable[int]) -> dict[int, int]:
    """What is left, of those campaigns that have a budget."""
    left = cast(func.sum(BudgetSlice.remaining), BigInteger).label("remaining")
    rows = select(BudgetSlice.campaign_id, left).where(BudgetSlice.campaign_id.in_(list(campaign_ids)))
    found = await session.execute(rows.group_by(BudgetSlice.campaign_id))
    return {row.campaign_id: row.remaining for row in found}


async def change(session: AsyncSession, campaign: Campaign, budget: int | None) -> None:
    """Set, raise, lower or lift a budget. What was paid under the old one counts; what was paid without one does not.

    Raises:
        BudgetSpent: more than the new budget has been paid.
    """
    old, campaign.budget = campaign.budget, budget
    slices = select(BudgetSlice.remaining).where(BudgetSlice.campaign_id == campaign.id)
    # Payments under way hold one of them; all are locked in order before we count.
    left = sum(await session.scalars(slices.order_by(BudgetSlice.slice).with_for_update()))
    paid = old - left if old is not None else 0
    if budget is None:
        await session.execute(delete(BudgetSlice).where(BudgetSlice.campaign_id == campaign.id))
        return
    if budget < paid:
        raise BudgetSpent
    await _write(session, campaign.id, spread(budget - paid))


async def _write(session: AsyncSession, campaign_id: int, parts: list[int]) -> None:
    rows = [{"campaign_id": campaign_id, "slice": number, "remaining": part} for number, part in enumerate(parts)]
    new = insert(BudgetSlice).values(rows)
    await session.execute(
        new.on_conflict_do_update(index_elements=["campaign_id", "slice"], set_={"remaining": new.excluded.remaining})
    )
