"""A campaign's budget as a manager changes it, and what is left of it."""

from typing import Any

from backend.programmes.campaigns import budgets
from backend.programmes.models import Campaign
from tests.make import World


async def change(world: World, campaign: Any, budget: int | None) -> None:
    async with world.db.begin() as session:
        await budgets.change_budget(session, await session.get_one(Campaign, campaign.id), budget)


async def left(world: World, campaign: Any) -> int:
    async with world.db.begin() as session:
        return (await budgets.remaining_budgets(session, [campaign.id]))[campaign.id]
