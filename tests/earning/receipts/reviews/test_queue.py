"""The queue of reviews: its order, what others see of it, and how rules do."""

from datetime import timedelta

from sqlalchemy import text

from backend.programmes.rules.rule import PercentAmount, Rule
from tests.earning.receipts.receipt_builders import PLUG, document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.make import World


async def test_queue_is_ordered_by_points_and_paginated(held: Held, world: World):
    agents = [await world.account() for _ in range(3)]
    for n, account in enumerate(agents):
        for _ in range(n + 1):
            await held.buying.bring(account, document(line(PLUG, 10_000, 1)))
    first = (await held.anna.get(f"{CONSOLE}/reviews")).json()["items"]
    await held.decide("release", review=first[0]["id"])

    seen, following = [], {}
    while True:
        page = (await held.anna.get(f"{CONSOLE}/reviews", params={"limit": 1} | following)).json()
        seen += page["items"]
        if "next" not in page:
            break
        following = {"cursor": page["next"]}

    assert [row["points"] for row in first] == [60, 40, 20]
    assert [(row["state"], row["points"]) for row in seen] == [("open", 40), ("open", 20), ("decided", 60)]
    decided = (await held.anna.get(f"{CONSOLE}/reviews", params={"state": "decided"})).json()["items"]
    assert [row["id"] for row in decided] == [first[0]["id"]]
    assert (await held.anna.get(f"{CONSOLE}/reviews", params={"cursor": "WzE3XQ"})).status_code == 422


async def test_figures_count_findings_and_decisions(held: Held, world: World):
    for action in ("release", "claw_back"):
        account = await world.account()
        await held.buying.bring(account, document())
        await held.decide(action)
    await held.bring()

    (row,) = (await held.anna.get(f"{CONSOLE}/reviews/figures")).json()["items"]

    assert (row["rule"], row["findings"], row["decided"], row["overturned"]) == ("receipt_velocity", 3, 2, 0.5)
    assert row["hours"] < 1


async def test_overturned_rule_is_shadowed_for_one_brand(held: Held, world: World, number):
    number("overturned_least", 1)
    name = "Кабель силовой Кабелево ВВГ 3х2.5 черный"
    programme = await world.programme(await world.brand("Кабелево"))
    await world.campaign(programme, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(100)))
    await world.product(programme.brand_id, sku="KB-1", name_ru=name)
    both = [line(amount=90_000), line(name, 10_000, 1)]
    first = await held.bring(*both)
    await held.decide("release")

    second = await held.bring(*both)

    assert [row["status"] for row in first["lines"]] == ["review", "review"]
    assert [row["status"] for row in second["lines"]] == ["paid", "review"]


async def test_linked_agents_of_a_till_are_shown(brand: Held, world: World, number):
    number("till_share_least", 1)
    neighbour = await world.account()
    await brand.buying.bring(neighbour, document(at=document().at - timedelta(days=2)))
    await brand.bring()
    items = (await brand.anna.get(f"{CONSOLE}/reviews")).json()["items"]
    (mine,) = [row for row in items if row["card_number"] == brand.account.card_number]

    shown = (await brand.anna.get(f"{CONSOLE}/reviews/{mine['id']}")).json()

    assert [row["rule"] for row in shown["findings"]] == ["till_share"]
    assert shown["linked"] == [{"card_number": neighbour.card_number, "till": "9999000000000001", "receipts": 1}]


async def test_decision_event_names_no_agent(held: Held, db):
    await held.bring()
    item = await held.item()
    await held.decide("release", review=item["id"])

    find = text("SELECT kind, body, staff_id FROM events WHERE kind = 'review.decided'")
    (row,) = await db.rows(find)

    assert row.staff_id == held.anna.id
    assert row.body == {"review": item["id"], "action": "release", "rule": None, "points": 20, "amount": 5400}
