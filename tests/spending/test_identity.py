"""Verification levels: an agent requests one, a brand confirms it, and no tax number is stored."""

import pytest
from sqlalchemy import text

from tests.make import World, bearer
from tests.spending.scenario import spending_scenario

PERSON_INN, COMPANY_INN = "500100732259", "7707083893"


async def ask(world: World, account, **body):
    return await world.client.put("/v1/me/identity", json=body, headers=bearer(account))


async def test_requested_level_is_confirmed_by_brand(world: World):
    shop = await spending_scenario(world)
    agent, owner = await shop.agent(100), await world.staff(await world.brand_by_id(shop.programme.brand_id))

    requested = await ask(world, agent, rung=2, kind="self_employed", inn=PERSON_INN)
    waiting = (await owner.get("/v1/console/identities?waiting=true")).json()["items"]
    confirmed = await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 2, "note": "Agreement 17"})

    assert (requested.status_code, requested.json()["asked"], requested.json()["has_inn"]) == (200, 2, True)
    assert [(row["card_number"], row["rung"], row["asked"]) for row in waiting] == [(agent.card_number, 0, 2)]
    assert (confirmed.status_code, confirmed.json()["rung"], confirmed.json()["note"]) == (
        200,
        2,
        "Agreement 17",
    )
    mine = (await world.client.get("/v1/me/identity", headers=bearer(agent))).json()
    assert [(row["brand_id"], row["rung"]) for row in mine["confirmed"]] == [(owner.brand_id, 2)]
    assert (
        "items" not in (await owner.get("/v1/console/identities?waiting=true")).json()
        or not (await owner.get("/v1/console/identities?waiting=true")).json()["items"]
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"rung": 1, "inn": "500100732258"}, "tax_number_invalid"),
        ({"rung": 1, "inn": COMPANY_INN}, "tax_number_invalid"),
        ({"rung": 2, "kind": "self_employed", "inn": COMPANY_INN}, "tax_number_invalid"),
        ({"rung": 2, "kind": "company"}, "tax_number_needed"),
        ({"rung": 2, "kind": "person", "inn": PERSON_INN}, "kind_for_rung"),
        ({"rung": 1, "kind": "company", "inn": COMPANY_INN}, "kind_for_rung"),
        ({"rung": 3}, "validation_failed"),
    ],
)
async def test_inconsistent_request_is_refused(world: World, body, code):
    answer = await ask(world, await world.account(), **body)

    assert answer.status_code in (400, 422)
    assert answer.json()["code"] == code


async def test_tax_number_is_not_stored(world: World):
    agent = await world.account()
    await ask(world, agent, rung=1, inn=PERSON_INN)

    async with world.db.begin() as session:
        stored = (await session.execute(text("SELECT i::text FROM identities i"))).scalars().all()
    shown = (await world.client.get("/v1/me/identity", headers=bearer(agent))).text

    assert len(stored) == 1
    assert PERSON_INN not in stored[0]
    assert PERSON_INN.encode().hex() not in stored[0]
    assert PERSON_INN not in shown


async def test_account_with_repeated_tax_number_is_flagged(world: World):
    shop = await spending_scenario(world)
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    agents = [await shop.agent(100), await shop.agent(100), await (await spending_scenario(world)).agent(100)]
    for agent in agents:
        await ask(world, agent, rung=1, inn=PERSON_INN)

    listed = (await owner.get("/v1/console/identities")).json()["items"]

    assert [row["same_inn"] for row in listed] == [1, 1]


async def test_brand_sees_only_its_own_agents(world: World):
    shop, other = await spending_scenario(world), await spending_scenario(world)
    agent = await shop.agent(100)
    await ask(world, agent, rung=1)
    stranger = await world.staff(await world.brand_by_id(other.programme.brand_id))

    answer = await stranger.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})
    listed = (await stranger.get("/v1/console/identities")).json()

    assert (answer.status_code, answer.json()["code"]) == (404, "agent_unknown")
    assert listed["items"] == []


async def test_level_unlocks_offers_of_confirming_brand_only(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(3000), await shop.offer("instant", rung=1)
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))

    before = await shop.order(agent, offer)
    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})
    after = await shop.order(agent, offer)
    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 0})
    again = await shop.order(agent, offer)

    assert (before.status_code, before.json()["code"]) == (403, "rung_too_low")
    assert (after.status_code, after.json()["status"]) == (200, "done")
    assert again.status_code == 403
    assert await shop.wallet(agent) == (2000, 0)


async def test_erasure_deletes_verification_levels(world: World):
    shop = await spending_scenario(world)
    agent = await shop.agent(0)
    await shop.earn(agent, 5)
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    await ask(world, agent, rung=1, inn=PERSON_INN)
    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})

    await world.client.delete("/v1/me", headers=bearer(agent))

    async with world.db.begin() as session:
        rows = text("SELECT (SELECT count(*) FROM identities) + (SELECT count(*) FROM rungs)")
        assert (await session.execute(rows)).scalar_one() == 0
