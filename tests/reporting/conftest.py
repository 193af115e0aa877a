"""Brands with sales, package codes and receipts, and their staff."""

import pytest

from tests.checkout.till_client import Shopping, shopping_at
from tests.make import World
from tests.reporting.shelf import Shelf


@pytest.fixture
async def shopping(world: World) -> Shopping:
    return await shopping_at(world)


@pytest.fixture
async def analyst(world: World, shopping: Shopping):
    return await world.staff(await world.brand_by_id(shopping.programme.brand_id), "analyst")


@pytest.fixture
async def shelf(world: World) -> Shelf:
    brand = await world.brand()
    programme = await world.programme(brand)
    product = await world.product(brand.id, gtin="04600000000015")
    await world.campaign(programme, key="autumn")
    batch = await world.batch(programme, product)
    return Shelf(world, brand, programme, product, batch, await world.staff(brand, "reviewer"))
