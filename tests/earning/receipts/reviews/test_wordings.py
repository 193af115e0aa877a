"""Wordings that are not clear: named once by a person, for all lines that wait and for those to come."""

import asyncio

import msgspec
from sqlalchemy import text

from tests.earning.receipts.receipt_builders import document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.make import World, bearer

UNCLEAR = "Розетка ОПТИМА белая"  # of the brand, but which one?
LINES = f"{CONSOLE}/receipt-lines"


async def queue(held: Held, **params):
    return (await held.anna.get(LINES, params={"state": "review"} | params)).json()["items"]


async def name(held: Held, number: int, sku: str | None, **options):
    body = {"sku": sku} | ({"everywhere": True} if options.get("everywhere") else {})
    return await (options.get("worker") or held.anna).put(f"{LINES}/{number}/product", body)


async def test_lines_of_one_wording_and_shop_are_grouped(brand: Held, world: World):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    await brand.buying.bring(await world.account(), document(line(UNCLEAR.upper(), 20_000, 1)))
    await brand.buying.bring(await world.account(), document(line(UNCLEAR, 5_000, 1), seller_inn="7736050003"))

    first, second = await queue(brand)

    assert (first["wording"], first["shop_inn"], first["lines"], first["sum"]) == (UNCLEAR, "7707083893", 2, 30_000)
    assert first["shop"] == "ООО «Стройдвор»"
    assert (second["shop_inn"], second["lines"], second["sum"]) == ("7736050003", 1, 5_000)
    assert "РА16-374" in [row["sku"] for row in first["candidates"]]
    assert all(0 < row["score"] < 1 for row in first["candidates"])


async def test_decided_wording_pays_all_lines_of_the_shop(brand: Held, world: World):
    other = await world.account()
    await brand.bring(line(UNCLEAR, 10_000, 1))
    await brand.buying.bring(other, document(line(UNCLEAR, 20_000, 1)))
    await brand.buying.bring(other, document(line(UNCLEAR, 20_000, 1), seller_inn="7736050003"))
    first, elsewhere = await queue(brand)

    answer = await name(brand, first["line"], "РА16-374")

    assert answer.status_code == 200, answer.text
    assert (answer.json()["sku"], answer.json()["decided"]) == ("РА16-374", 2)
    assert answer.json()["wording"] == UNCLEAR
    assert await brand.balance() == 600
    assert await brand.status() == [("credited", None)]
    assert [row["status"] for row in await brand.buying.receipts(other)] == ["review", "credited"]
    assert [row["line"] for row in await queue(brand)] == [elsewhere["line"]]


async def test_wording_with_everywhere_applies_to_all_shops(brand: Held, world: World):
    other = await world.account()
    await brand.bring(line(UNCLEAR, 10_000, 1))
    await brand.buying.bring(other, document(line(UNCLEAR, 20_000, 1), seller_inn="7736050003"))
    first = (await queue(brand))[0]

    answer = await name(brand, first["line"], "РА16-374", everywhere=True)
    third = await brand.buying.bring(other, document(line(UNCLEAR, 5_000, 1), seller_inn="5024002119"))

    body = answer.json()
    assert (body["decided"], body["everywhere"], body["wording"]) == (2, True, UNCLEAR)
    assert (third["status"], await queue(brand)) == ("credited", [])


async def test_wording_of_a_shop_precedes_the_general(brand: Held, world: World):
    other = await world.account()
    await brand.buying.bring(other, document(line(UNCLEAR, 20_000, 1), seller_inn="7736050003"))
    (elsewhere,) = await queue(brand)
    await name(brand, elsewhere["line"], None)
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)

    await name(brand, first["line"], "РА16-374", everywhere=True)
    again = await brand.buying.bring(other, document(line(UNCLEAR, 20_000, 1), seller_inn="7736050003"))

    assert (again["status"], again["reason"]) == ("refused", "no_products")
    assert await brand.balance() == 600


async def test_later_general_wording_replaces_own_shop(brand: Held):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)
    await name(brand, first["line"], None)

    await name(brand, first["line"], "РА16-374", everywhere=True)
    mine = await brand.bring(line(UNCLEAR, 10_000, 1))

    assert mine["status"] == "credited"


async def test_general_wording_above_release_limit_is_refused(brand: Held, world: World, number):
    number("second_person_above", 599)
    await brand.bring(line(UNCLEAR, 10_000, 1))
    await brand.buying.bring(await world.account(), document(line(UNCLEAR, 20_000, 1), seller_inn="7736050003"))
    first = (await queue(brand))[0]

    answer = await name(brand, first["line"], "А0112", everywhere=True)

    assert (answer.json()["decided"], await brand.balance(), await queue(brand)) == (2, 0, [])


async def test_decided_wording_pays_without_review(brand: Held):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)
    await name(brand, first["line"], "А0112")

    mine = await brand.bring(line(UNCLEAR, 30_000, 1))

    assert mine["status"] == "credited"
    assert await brand.balance() == 600 + 1800


async def test_wording_without_product_refuses_current_and_later_lines(brand: Held):
    await brand.bring(line(UNCLEAR, 10_000, 1), line(amount=90_000))
    (first,) = await queue(brand)

    answer = await name(brand, first["line"], None)
    mine = await brand.bring(line(UNCLEAR, 30_000, 1))

    assert answer.json()["decided"] == 1
    (before, _) = reversed(await brand.buying.receipts(brand.account))
    assert [(row["status"], row.get("reason")) for row in before["lines"]] == [("refused", "not_ours"), ("paid", None)]
    assert (mine["status"], mine["reason"]) == ("refused", "no_products")
    assert await brand.balance() == 5400


async def test_changed_decision_applies_to_later_lines(brand: Held):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)
    await name(brand, first["line"], "РА16-374")

    again = await name(brand, first["line"], "РА16-374")
    changed = await name(brand, first["line"], None)
    await brand.bring(line(UNCLEAR, 10_000, 1))

    assert (again.status_code, again.json().get("decided", 0)) == (200, 0)
    assert (changed.status_code, changed.json().get("decided", 0)) == (200, 0)
    assert await brand.balance() == 600
    assert await brand.status() == [("refused", "no_products"), ("credited", None)]


async def test_concurrent_decisions_pay_each_line_once(brand: Held, world: World):
    for _ in range(3):
        await brand.buying.bring(await world.account(), document(line(UNCLEAR, 10_000, 1)))
    (first,) = await queue(brand)

    answers = await asyncio.gather(
        *(
            name(brand, first["line"], sku, worker=who)
            for who in (brand.anna, brand.boris)
            for sku in ("РА16-374", None)
            for _ in range(2)
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json().get("decided", 0) for answer in answers) == 3
    assert await queue(brand) == []


async def test_named_line_of_held_agent_stays_in_review(held: Held):
    await held.bring(line(amount=90_000), line(UNCLEAR, 10_000, 1))
    (first,) = await queue(held)

    answer = await name(held, first["line"], "А0112")
    item = await held.item()

    assert answer.json()["decided"] == 1
    assert item["waiting"] == 2
    assert await held.balance() == 0
    await held.decide("release")
    assert await held.balance() == 6000


async def test_named_line_of_frozen_agent_stays_in_review(brand: Held, number):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    number("receipts_agent_day", 0)
    await brand.bring(line(amount=90_000))
    await brand.decide("freeze")
    await brand.decide("claw_back")
    (first,) = await queue(brand)

    await name(brand, first["line"], "А0112")

    assert (await brand.item())["waiting"] == 1
    assert await brand.balance() == 0


async def test_claw_back_refuses_unclear_lines_of_its_receipts(held: Held):
    await held.bring(line(amount=90_000), line(UNCLEAR, 10_000, 1))

    await held.decide("claw_back")

    assert await queue(held) == []
    assert await held.status() == [("refused", "clawed_back")]


async def test_unit_limit_counts_lines_already_paid(world: World, brand: Held, db):
    limited = {"ways": ["receipt"], "amount": {"type": "fixed", "value": 100}, "units_per_receipt": 2}
    await db.rows(text("SELECT 1"))
    async with world.db.begin() as session:
        await session.execute(
            text(
                "INSERT INTO campaign_versions (brand_id, campaign_id, version, rule, name_ru, name_en) "
                "VALUES (:brand, :campaign, 2, CAST(:rule AS jsonb), 'x', 'x')"
            ),
            {
                "brand": brand.goods.programme.brand_id,
                "campaign": brand.goods.campaign.id,
                "rule": msgspec.json.encode(limited).decode(),
            },
        )
        await session.execute(text("UPDATE campaigns SET version = 2"))
        await session.execute(text("UPDATE programmes SET rules_version = rules_version + 1"))
    await brand.bring(line(amount=90_000, quantity=2), line(UNCLEAR, 10_000, 1))
    assert await brand.balance() == 200
    (first,) = await queue(brand)

    await name(brand, first["line"], "РА16-374")

    (mine,) = await brand.buying.receipts(brand.account)
    assert [(row["status"], row.get("reason")) for row in mine["lines"]] == [
        ("paid", None),
        ("refused", "quantity_limit"),
    ]
    assert await brand.balance() == 200


async def test_wording_of_another_brand_not_found(brand: Held, world: World):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)
    stranger = await world.staff(role="reviewer")

    listed = await stranger.get(LINES)
    named = await name(brand, first["line"], None, worker=stranger)
    unknown = await name(brand, first["line"], "NOT-OURS")

    assert listed.json()["items"] == []
    assert (named.status_code, named.json()["code"]) == (404, "line_unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "product_unknown")
    assert len(await queue(brand)) == 1


async def test_wordings_are_paginated(brand: Held, world: World):
    for inn in ("7736050003", "7707083893", "5024002119"):
        await brand.buying.bring(await world.account(), document(line(UNCLEAR, 10_000, 1), seller_inn=inn))

    seen, following = [], {}
    while True:
        page = (await brand.anna.get(LINES, params={"limit": 1} | following)).json()
        seen += page["items"]
        if "next" not in page:
            break
        following = {"cursor": page["next"]}

    assert [row["shop_inn"] for row in seen] == ["7736050003", "7707083893", "5024002119"]


async def test_agent_sees_decision_about_line(brand: Held, world: World):
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)
    await name(brand, first["line"], "А0112")

    (mine,) = (await world.client.get("/v1/receipts", headers=bearer(brand.account))).json()["items"]

    assert [(row["status"], row["amount"]) for row in mine["lines"]] == [("paid", 600)]


async def test_named_lines_above_release_limit_stay_in_review(brand: Held, number):
    number("second_person_above", 599)
    await brand.bring(line(UNCLEAR, 10_000, 1))
    (first,) = await queue(brand)

    await name(brand, first["line"], "А0112")

    assert (await brand.balance(), await queue(brand)) == (0, [])
    single = [(await brand.decide("release")).status_code for _ in range(2)]
    confirmed = await brand.decide("release", brand.boris)
    assert single == [202, 409]
    assert [found["rule"] for found in confirmed.json()["findings"]] == ["large_by_hand"]
    assert await brand.balance() == 600
