"""A manager, a programme and the draft of a campaign."""

import pytest
from sqlalchemy import text

from tests.make import World

STARTS, ENDS = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
FIXED = {"ways": ["package"], "amount": {"type": "fixed", "value": 100}}


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def programme(world: World, manager):
    return await world.programme(await world.brand_of(manager), currency="RUB")


@pytest.fixture
def body(programme):
    """A draft that pays one rouble a pack."""
    return {"programme_id": programme.id, "name_ru": "Осень", "name_en": "Autumn", "starts_at": STARTS, "rule": FIXED}


@pytest.fixture
async def code(world: World, manager, programme):
    """Gives one printed code after the other."""
    product = await world.product(manager.brand_id, sku="A", price=10000)
    return iter(world.codes_of(await world.batch(programme, product)))


async def rules_version(world, programme):
    async with world.db.begin() as session:
        row = text("SELECT rules_version FROM programmes WHERE id = :id")
        return await session.scalar(row, {"id": programme.id})
