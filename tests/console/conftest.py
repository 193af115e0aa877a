"""A brand whose agents spend, and its manager."""

import pytest

from tests.make import World
from tests.offers.spending import Spending, spending


@pytest.fixture
async def shop(world: World) -> Spending:
    return await spending(world)


@pytest.fixture
async def manager(world: World, shop: Spending):
    return await world.staff(await world.brand_by_id(shop.programme.brand_id), "manager")
