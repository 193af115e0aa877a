"""A brand with a programme, and its manager."""

import pytest

from tests.make import World
from tests.spending.scenario import SpendingScenario, spending_scenario


@pytest.fixture
async def shop(world: World) -> SpendingScenario:
    return await spending_scenario(world)


@pytest.fixture
async def manager(world: World, shop: SpendingScenario):
    return await world.staff(await world.brand_by_id(shop.programme.brand_id), "manager")
