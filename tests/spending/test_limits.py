"""Legal limits: orders above them wait for staff, and splitting or racing does not avoid them."""

import asyncio
import secrets
import uuid
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from backend.operations import key_rotation
from backend.spending.models import VerificationRequest
from backend.spending.orders import service as orders
from backend.spending.orders.transitions import OrderEnd
from tests.make import World, bearer
from tests.spending.scenario import SpendingScenario, spending_scenario

TURNED_DOWN = OrderEnd(done=False, reason="turned_down")


@pytest.fixture
async def shop(world: World) -> SpendingScenario:
    return await spending_scenario(world)


async def used(world: World) -> int:
    async with world.db.begin() as session:
        return (await session.execute(text("SELECT coalesce(sum(amount), 0) FROM yearly_sums"))).scalar_one()


async def test_order_above_yearly_limit_is_held(world, shop, number):
    number("year_most_gift", 1500)
    agent, offer = await shop.agent(5000), await shop.offer("instant", tax="gift")

    answers = [(await shop.order(agent, offer)).json() for _ in range(2)]

    assert [row["status"] for row in answers] == ["done", "held"]
    assert answers[1]["reason"] == "year_limit"
    assert (answers[1]["year_used"], answers[1]["year_limit"]) == (1000, 1500)
    assert await shop.wallet(agent) == (3000, 1000)
    assert await used(world) == 1000
    async with world.db.begin() as session:
        held = (await session.execute(text("SELECT for_person, due_at FROM orders WHERE state = 'held'"))).one()
    assert tuple(held) == (True, None)


@pytest.mark.parametrize("fulfilment", ["stock", "own", "instant"])
async def test_allowed_order_counts_above_limit_and_is_fulfilled(world, shop, number, fulfilment):
    number("year_most_gift", 500)
    agent, offer, key = await shop.agent(5000), await shop.offer(fulfilment, tax="gift"), uuid.uuid4()
    await shop.stock(offer, 1 if fulfilment == "stock" else 0)
    held = (await shop.order(agent, offer, key)).json()

    first, again = await shop.decide(key, "allow"), await shop.decide(key, "allow")

    order = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    assert (held["status"], held["reason"], first.status_code) == ("held", "year_limit", 200)
    assert again.json() == first.json()
    assert "has_code" not in held
    assert (order["status"], order.get("has_code", False)) == ("done", fulfilment != "instant")
    assert await shop.wallet(agent) == (4000, 0)
    assert await used(world) == 1000


@pytest.mark.parametrize("fulfilment", ["supplier", "person"])
async def test_allowed_order_continues_with_its_fulfilment(world, shop, number, fulfilment):
    number("year_most_gift", 500)
    agent, offer, key = await shop.agent(5000), await shop.offer(fulfilment, tax="gift"), uuid.uuid4()
    await shop.order(agent, offer, key)

    await shop.decide(key, "allow")

    async with world.db.begin() as session:
        row = (await session.execute(text("SELECT state, reason, for_person, due_at IS NOT NULL FROM orders"))).one()
    assert tuple(row) == ("held", None, fulfilment == "person", fulfilment == "supplier")
    assert await used(world) == 1000


async def test_turned_down_order_returns_money_code_and_unit(world, shop, number):
    number("year_most_gift", 500)
    agent, offer, key = await shop.agent(5000), await shop.offer("stock", tax="gift", stock=1), uuid.uuid4()
    await shop.stock(offer, 1)
    await shop.order(agent, offer, key)

    await shop.end(key, TURNED_DOWN)

    number("year_most_gift", 5000)
    again = (await shop.order(agent, offer)).json()
    assert again["status"] == "done"
    assert await shop.wallet(agent) == (4000, 0)
    assert await used(world) == 1000


@pytest.mark.parametrize("through", [True, False])
async def test_refused_order_is_subtracted_from_yearly_sum(world, shop, number, through):
    number("year_most_gift", 500 if through else 5000)
    agent, offer, key = await shop.agent(5000), await shop.offer("person", tax="gift"), uuid.uuid4()
    await shop.order(agent, offer, key)
    if through:
        await shop.decide(key, "allow")
    before = await used(world)

    await shop.end(key, TURNED_DOWN)

    assert (before, await used(world)) == (1000, 0)


async def test_order_done_at_limit_is_counted(world, shop, number):
    number("year_most_gift", 500)
    agent, offer, key = await shop.agent(5000), await shop.offer("person", tax="gift"), uuid.uuid4()
    await shop.order(agent, offer, key)

    await shop.end(key, OrderEnd(done=True))

    assert await used(world) == 1000
    assert await shop.wallet(agent) == (4000, 0)


async def test_concurrent_orders_never_exceed_the_limit(world, shop, number):
    number("year_most_gift", 10_000)
    agent, offer = await shop.agent(64_000), await shop.offer("instant", tax="gift")

    answers = await asyncio.gather(*(shop.order(agent, offer) for _ in range(64)))

    assert sorted(answer.json()["status"] for answer in answers) == ["done"] * 10 + ["held"] * 54
    assert await shop.wallet(agent) == (0, 54_000)
    assert await used(world) == 10_000


async def test_year_changes_in_payer_time_zone(world, shop, number):
    number("year_most_gift", 1000)
    agent, offer, key = await shop.agent(5000), await shop.offer("instant", tax="gift"), uuid.uuid4()
    await shop.order(agent, offer, key)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE yearly_sums SET year = year - 1"))
        await session.execute(text("UPDATE orders SET placed_at = placed_at - interval '1 year'"))

    second = (await shop.order(agent, offer)).json()

    assert second["status"] == "done"


@pytest.mark.parametrize(
    ("sums", "states"),
    [
        ([301_000], ["held"]),
        ([300_000], ["done"]),
        ([150_000, 150_000, 1_000], ["done", "done", "held"]),
        ([200_000, 150_000, 100_000], ["done", "held", "held"]),
    ],
)
async def test_gifts_of_a_day_above_written_form_wait(world, shop, number, sums, states):
    number("year_most_gift", 0)
    agent, offer = await shop.agent(10**6), await shop.offer("instant", tax="gift", least=1000, most=10**6, step=1000)

    answers = [(await shop.order(agent, offer, nominal=nominal)).json() for nominal in sums]

    assert [row["status"] for row in answers] == states
    assert {row.get("reason") for row in answers if row["status"] == "held"} <= {"written_form"}
    assert await used(world) == sum(s for s, state in zip(sums, states, strict=True) if state == "done")


async def test_sums_count_by_payer_and_nature(world, shop, number):
    number("year_most_gift", 0)
    agent = await shop.agent(10**6)
    gifts = [await shop.offer("instant", tax="gift", nominal=200_000) for _ in range(2)]
    discount = await shop.offer("instant", tax="discount", nominal=200_000)

    answers = [(await shop.order(agent, offer)).json() for offer in (gifts[0], discount, gifts[1])]

    assert [row["status"] for row in answers] == ["done", "done", "held"]


async def test_gift_after_a_day_counts_separately(world, shop, number):
    number("year_most_gift", 0)
    agent, offer = await shop.agent(10**6), await shop.offer("instant", tax="gift", nominal=200_000)
    await shop.order(agent, offer)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE orders SET placed_at = now() - :age"), {"age": timedelta(days=1, minutes=1)})

    assert (await shop.order(agent, offer)).json()["status"] == "done"


async def test_warning_is_shown_from_three_quarters(world, shop, number):
    number("year_most_gift", 4000)
    agent, offer = await shop.agent(10_000), await shop.offer("instant", tax="gift")

    answers = [(await shop.order(agent, offer)).json() for _ in range(3)]
    limits = (await world.client.get("/v1/me/limits", headers=bearer(agent))).json()

    assert ["warning" in row for row in answers] == [False, False, True]
    assert (answers[2]["year_used"], answers[2]["year_limit"]) == (3000, 4000)
    assert "30.00" in answers[2]["warning"]
    (gift,) = limits["items"]
    assert (gift["nature"], gift["used"], gift["limit"]) == ("gift", 3000, 4000)
    assert gift["brand_id"] == shop.programme.brand_id
    assert gift["warning"] == answers[2]["warning"]


async def test_limits_are_listed_before_first_order(world, shop):
    agent = await shop.agent(100)

    limits = (await world.client.get("/v1/me/limits", headers=bearer(agent))).json()

    assert limits["year"] >= 2026
    assert [(row["nature"], row["used"], row["limit"]) for row in limits["items"]] == [("gift", 0, 400_000)]


async def test_level_raises_limit_of_confirming_brand_only(world, shop, number):
    number("year_most_gift", 500)
    agent, offer = await shop.agent(5000), await shop.offer("instant", tax="gift")
    owner = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    before = (await shop.order(agent, offer)).json()

    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 2})

    assert before["status"] == "held"
    assert (await shop.order(agent, offer)).json()["status"] == "done"


async def one_person(world: World, shop: SpendingScenario, *agents, confirmed: bool = True) -> None:
    """Give the accounts one tax number, confirmed by the brand or not."""
    brand = await world.brand_by_id(shop.programme.brand_id)
    staff = await world.staff(brand)
    async with world.db.begin() as session:
        for agent in agents:
            (account,) = await session.scalars(
                text("SELECT id FROM accounts WHERE card_number = :card"), {"card": agent.card_number}
            )
            session.add(VerificationRequest(account_id=account, rung=1, kind="person", inn_digest=b"one tax number"))
    for agent in agents if confirmed else ():
        await staff.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1})


@pytest.mark.parametrize("confirmed", [True, False])
async def test_confirmed_accounts_of_one_person_share_a_limit(world, shop, number, confirmed):
    number("year_most_gift", 1500)
    first, second, offer = await shop.agent(5000), await shop.agent(5000), await shop.offer("instant", tax="gift")
    await one_person(world, shop, first, second, confirmed=confirmed)

    answers = [(await shop.order(agent, offer)).json() for agent in (first, second)]

    assert [row["status"] for row in answers] == ["done", "held" if confirmed else "done"]
    assert answers[1].get("reason") == ("year_limit" if confirmed else None)


async def test_request_after_confirmation_changes_no_limit(world, shop, number):
    number("year_most_gift", 1500)
    first, second, stranger = [await shop.agent(5000) for _ in range(3)]
    offer = await shop.offer("instant", tax="gift")
    await one_person(world, shop, first, second)
    await one_person(world, shop, stranger, confirmed=False)
    for agent in (first, second):
        await world.client.put("/v1/me/identity", json={"rung": 1, "kind": "person"}, headers=bearer(agent))

    answers = [(await shop.order(agent, offer)).json()["status"] for agent in (first, stranger, second)]
    limits = (await world.client.get("/v1/me/limits", headers=bearer(second))).json()["items"]

    assert answers == ["done", "done", "held"]
    assert [row["used"] for row in limits if row["nature"] == "gift"] == [1000]


async def test_concurrent_accounts_of_one_person_share_a_limit(world, shop, number):
    number("year_most_gift", 4000)
    number("order_most_gift", 0)
    agents = [await shop.agent(9000) for _ in range(2)]
    offer = await shop.offer("instant", tax="gift")
    await one_person(world, shop, *agents)

    answers = await asyncio.gather(*(shop.order(agents[number_ % 2], offer) for number_ in range(12)))

    assert sorted(answer.json()["status"] for answer in answers) == ["done"] * 4 + ["held"] * 8
    assert await used(world) == 4000


async def test_gift_split_over_accounts_of_one_person_waits(world, shop, number):
    number("year_most_gift", 0)
    number("order_most_gift", 1500)
    first, second, offer = await shop.agent(5000), await shop.agent(5000), await shop.offer("instant", tax="gift")
    await one_person(world, shop, first, second)

    answers = [(await shop.order(agent, offer)).json() for agent in (first, second)]

    assert [(row["status"], row.get("reason")) for row in answers] == [("done", None), ("held", "written_form")]


async def test_code_held_at_limit_survives_key_rotation(world, owner, shop, number):
    number("year_most_gift", 500)
    agent, offer, key = await shop.agent(5000), await shop.offer("stock", tax="gift"), uuid.uuid4()
    (code,) = await shop.stock(offer, 1)
    await shop.order(agent, offer, key)
    rotated = replace(world.settings, later_master_keys=((2, secrets.token_bytes(32)),), master_file=None)

    await key_rotation.rotate_master(owner, rotated, lambda _: None)

    await shop.decide(key, "allow")
    row = await orders.order_by_key(
        world.db, (await world.db.call(text("SELECT account_id FROM orders"))).account_id, key
    )
    assert orders.order_code(rotated, row) == code
