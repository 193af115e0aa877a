"""Claimed codes of a batch are counted for all origins of its codes, up to a limit."""

import pytest

from backend.earning.packages import batches
from backend.earning.packages.claim_counts import count_claimed
from backend.earning.packages.code_lists.staged_codes import RefusedLine
from backend.programmes.rules.rule import FixedAmount, Rule
from tests.earning.packages.test_imports import GTIN, change_state, draw, make, take
from tests.make import World


@pytest.fixture
async def programme(world: World):
    programme = await world.programme()
    await world.product(programme.brand_id, sku="RA16", gtin=GTIN)
    await world.campaign(programme, Rule(ways=frozenset({"package", "marking"}), amount=FixedAmount(100)))
    return programme


def marking(serial):
    return f"01{GTIN}21{serial}"


async def claimed(db, batch, limit=100):
    async with db.begin() as session:
        found, _ = await batches.get_batch(session, batch.brand_id, batch.key)
        return await count_claimed(session, found, limit)


async def test_claims_of_imported_codes_are_counted_to_limit(db, settings, world, programme):
    batch, codes = await make(db, programme), draw(5)
    await take(db, settings, batch, codes)
    await change_state(db, batch, "active")
    for code in codes[1:4]:
        await world.scan(await world.account(), code)

    assert await claimed(db, batch) == 3
    assert await claimed(db, batch, limit=2) == 2


async def test_claims_of_marked_units_are_counted(db, settings, world, programme):
    batch, other = await make(db, programme, "marked"), await make(db, programme, "marked")
    await take(db, settings, batch, [marking("5a1"), marking("5a2")])
    await take(db, settings, other, [marking("7b1")])
    await change_state(db, batch, "active")
    await change_state(db, other, "active")
    for serial in ("5a1", "5a2", "7b1"):
        await world.scan(await world.account(), marking(serial))

    assert (await claimed(db, batch), await claimed(db, other)) == (2, 1)


async def test_batch_without_codes_has_no_claims(db, programme):
    assert await claimed(db, await make(db, programme)) == 0
    assert await claimed(db, await make(db, programme, "marked")) == 0


async def test_unit_of_another_list_is_refused(db, settings, programme):
    batch, other = await make(db, programme, "marked"), await make(db, programme, "marked")
    await take(db, settings, batch, [marking("5a1")])

    report = await take(db, settings, other, [marking("5a1"), marking("5a2"), marking("5a2")])

    assert (report.rows, report.accepted) == (3, 1)
    assert report.refused == {"repeated": 1, "taken": 1}
    assert report.named == [RefusedLine(1, "taken"), RefusedLine(3, "repeated", same_as=2)]
