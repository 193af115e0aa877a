"""The identity ladder: an agent asks, a brand confirms for itself, and no tax number is kept."""

import pytest
from sqlalchemy import text

from tests.make import World, bearer
from tests.offers.spending import spending

PERSON_INN, COMPANY_INN = "500100732259", "7707083893"


async def ask(world: World, account, **body):
    return await world.client.put("/v1/me/identity", json=body, headers=bearer(account))


async def test_an_agent_asks_and_the_brand_confirms(world: World):
    shop = await spending(world)
    agent, owner = await shop.agent(100), await world.staff(await world.brand_by_id(shop.programme.brand_id))

    asked = await ask(world, agent, rung=2, kind="self_employed", inn=PERSON_INN)
    waiting = (await owner.get("/v1/console/identities?waiting=true")).json()["items"]
    said = await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 2, "note": "Agreement 17"})

    assert (asked.status_code, asked.json()["asked"], asked.json()["has_inn"]) == (200, 2, True)
    assert [(row["card_number"], row["rung"], row["asked"]) for row in waiting] == [(agent.card_number, 0, 2)]
    assert (said.status_code, said.json()["rung"], said.json()["note"]) == (200, 2, "Agreement 17")
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
async def test_what_does_not_fit_together_is_refused(world: World, body, code):
    answer = await ask(world, await world.account(), **body)

    assert answer.status_code in (400, 422)
    assert answer.json()["code"] == code


async def test_a_tax_number_is_nowhere_in_the_database(world: World):
    agent = await world.account()
    await ask(world, agent, rung=1, inn=PERSON_INN)

    async with world.db.begin() as session:
        kept = (await session.execute(text("SELECT i::text FROM identities i"))).scalars().all()
    told = (await world.client.get("/v1/me/identity", headers=bearer(agent))).text

    assert len(kept) == 1
    assert PERSON_INN not in kept[0]
    assert PERSON_INN.encode().hex() not in kept[0]
    assert PERSON_INN not in told


async def test_a_second_account_of_the_same_tax_number_is_seen_by_the_brand(world: World):
    shop = await spending(world)
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    agents = [await shop.agent(100), await shop.agent(100), await (await spending(world)).agent(100)]
    for agent in agents:
        await ask(world, agent, rung=1, inn=PERSON_INN)

    listed = (await owner.get("/v1/console/identities")).json()["items"]

    assert [row["same_inn"] for row in listed] == [1, 1]


async def test_a_brand_knows_only_agents_of_its_own(world: World):
    shop, other = await spending(world), await spending(world)
    agent = await shop.agent(100)
    await ask(world, agent, rung=1)
    stranger = await world.staff(await world.brand_by_id(other.programme.brand_id))

    answer = await stranger.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})
    listed = (await stranger.get("/v1/console/identities")).json()

    assert (answer.status_code, answer.json()["code"]) == (404, "agent_unknown")
    assert listed["items"] == []


async def test_a_rung_opens_offers_with_the_brand_that_gave_it(world: World):
    shop = await spending(world)
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


async def test_whoever_is_forgotten_leaves_no_identity_behind(world: World):
    shop = await spending(world)
    agent = await shop.agent(0)
    await shop.earn(agent, 5)
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    await ask(world, agent, rung=1, inn=PERSON_INN)
    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})

    await world.client.delete("/v1/me", headers=bearer(agent))

    async with world.db.begin() as session:
        rows = text("SELECT (SELECT count(*) FROM identities) + (SELECT count(*) FROM rungs)")
        assert (await session.execute(rows)).scalar_one() == 0
