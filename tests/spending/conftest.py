"""A till that redeems gift cards."""

import pytest

from tests.make import World
from tests.spending.gift_card_till import GiftCardTill, make_gift_card_till


@pytest.fixture
async def gift_card_till(world: World) -> GiftCardTill:
    return await make_gift_card_till(world)
