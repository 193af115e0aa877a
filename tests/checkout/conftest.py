"""A shop to sell in."""

import pytest

from tests.checkout.till_client import Shopping, shopping_at
from tests.make import World


@pytest.fixture
async def shopping(world: World) -> Shopping:
    return await shopping_at(world)
