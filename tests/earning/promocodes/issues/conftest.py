"""A manager with a campaign for promo codes, and small parts of issues."""

import pytest

from backend.earning.promocodes.issues import generation as code_generation
from tests.earning.promocodes.issues.issue_client import RULE
from tests.make import World


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def campaign(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))
    return await world.campaign(programme, RULE)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(code_generation, "PART", 40)
