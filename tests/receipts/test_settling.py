"""What a verified receipt pays: whose it is, which lines count, and what the agent sees."""

import asyncio
import uuid

from sqlalchemy import text

from backend.programmes.rules import Fixed, Percent, Rule
from tests.make import World, bearer
from tests.receipts.buying import PLUG, SELLER, Buying, document, goods, line, qr

OTHER = "Труба PPR 20х3,4 PN20 4м"


async def test_a_receipt_pays_for_the_lines_that_are_the_brands(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    found = document(line(amount=90_000), line(OTHER, 22_600, 1), line(PLUG, 9_450, 1))

    mine = await buying.bring(account, found)

    assert mine["status"] == "credited"
    assert [(row["n"], row["status"], row["amount"]) for row in mine["lines"]] == [(0, "paid", 5400), (2, "paid", 567)]
    home = await world.home(account)
    assert home["wallets"][0]["available"] == 5967


async def test_the_scan_says_what_the_receipt_says(world: World, buying: Buying):
    account = await world.account()
    found = document()

    answer = (await buying.scan(account, found)).json()

    assert answer["kind"] == "receipt"
    assert answer["status"] == "pending"
    said = {"fn": found.fn, "fd": found.fd, "fp": found.fp, "total": found.total, "operation": 1}
    assert answer["receipt"] == said | {"at": found.at.isoformat()}
    assert answer["decide_by"]


async def test_another_agent_gets_nothing_for_the_same_receipt(world: World, buying: Buying):
    await goods(world)
    first, second = await world.account(), await world.account()
    found = document()
    await buying.bring(first, found)

    answer = (await buying.scan(second, found)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "already_claimed")


async def test_who_sends_a_receipt_unverified_squats_nobody(world: World, buying: Buying):
    await goods(world)
    squatter, buyer = await world.account(), await world.account()
    found = document()
    guessed = qr(found).replace(f"fp={found.fp}", f"fp={found.fp + 1}")
    assert (await buying.scan(squatter, guessed)).json()["status"] == "pending"
    await buying.known(found)
    assert (await buying.scan(buyer, found)).json()["status"] == "pending"

    await buying.work()
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET state = 'pending', due_at = now() WHERE state = 'review'"))
    await buying.work()

    assert [row["status"] for row in await buying.receipts(buyer)] == ["credited"]
    (theirs,) = await buying.receipts(squatter)
    assert (theirs["status"], theirs["reason"]) == ("refused", "differs")


async def test_many_who_send_one_receipt_at_once_have_one_winner(world: World, buying: Buying):
    await goods(world)
    found = document()
    await buying.known(found)
    accounts = [await world.account() for _ in range(8)]
    await asyncio.gather(*(buying.scan(account, found) for account in accounts))

    await asyncio.gather(*(buying.work() for _ in range(3)))

    states = [(await buying.receipts(account))[0] for account in accounts]
    assert sorted(row["status"] for row in states) == ["credited"] + ["refused"] * 7
    assert {row.get("reason") for row in states if row["status"] == "refused"} == {"already_claimed"}


async def test_a_repeat_under_the_same_id_gets_the_first_answer(world: World, buying: Buying):
    account, scan_id, found = await world.account(), uuid.uuid4(), document()
    first = (await buying.scan(account, found, scan_id)).json()

    again = (await buying.scan(account, found, scan_id)).json()
    anew = (await buying.scan(account, found)).json()

    assert again == first
    assert anew["status"] == "repeated"
    assert len(await buying.receipts(account)) == 1


async def test_an_advance_pays_nothing_and_the_settlement_does(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    advance = await buying.bring(account, document(line(payment=3)))
    settled = await buying.bring(account, document(line(payment=4)))

    assert (advance["status"], advance["lines"][0]["reason"]) == ("refused", "not_full_settlement")
    assert settled["status"] == "credited"


async def test_a_fixed_bonus_is_paid_for_each_unit_up_to_the_rules_limit(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=Fixed(1000), units_per_receipt=3))
    account = await world.account()
    found = document(line(quantity=2), line(quantity=4, amount=180_000), line(quantity=1, amount=45_000))

    mine = await buying.bring(account, found)

    assert [(row["status"], row.get("amount"), row.get("reason")) for row in mine["lines"]] == [
        ("paid", 2000, None), ("paid", 1000, None), ("refused", None, "quantity_limit"),
    ]  # fmt: skip


async def test_two_identical_lines_are_both_paid(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), document(line(amount=50_000), line(amount=50_000)))

    assert [row["amount"] for row in mine["lines"]] == [3000, 3000]


async def test_a_marked_unit_pays_once_whichever_receipt_it_stands_on(world: World, buying: Buying):
    await goods(world)
    unit = {"gtin": "04606203090785", "serial": "5AB1C2D3E4F5G"}
    first = await buying.bring(await world.account(), document(line(quantity=1, **unit)))
    second = await buying.bring(await world.account(), document(line(quantity=1, **unit)))

    assert first["status"] == "credited"
    assert (second["status"], second["reason"]) == ("refused", "already_claimed")


async def test_a_shop_on_the_black_list_pays_nothing_by_either_number(world: World, buying: Buying):
    made = await goods(world)
    brand = made.programme.brand_id
    async with world.db.begin() as session:
        await session.execute(
            text("INSERT INTO receipt_sellers (brand_id, inn, allowed) VALUES (:brand, '5024051564', false)"),
            {"brand": brand},
        )

    seller = await buying.bring(await world.account(), document(seller_inn="5024051564"))
    supplier = await buying.bring(await world.account(), document(line(supplier_inn="5024051564")))
    free = await buying.bring(await world.account(), document(seller_inn=SELLER))

    assert [row["status"] for row in (seller, supplier, free)] == ["refused", "refused", "credited"]
    assert seller["lines"][0]["reason"] == "shop_excluded"


async def test_a_receipt_without_the_brands_goods_is_refused_with_its_reason(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), document(line(OTHER)))

    assert (mine["status"], mine["reason"]) == ("refused", "no_products")


async def test_a_bonus_waits_out_its_days_of_holding(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=Percent(600), hold_days=14))
    account = await world.account()

    mine = await buying.bring(account, document())

    assert mine["lines"][0]["explanation"]["available_on"]
    wallet = (await world.home(account))["wallets"][0]
    assert (wallet["pending"], wallet.get("available", 0)) == (5400, 0)


async def test_budget_and_cap_hold_over_lines(world: World, buying: Buying):
    await goods(world, budget=6000)

    mine = await buying.bring(await world.account(), document(line(), line()))

    assert [(row["status"], row.get("reason")) for row in mine["lines"]] == [
        ("paid", None),
        ("refused", "budget_spent"),
    ]


async def test_what_is_wrong_with_typed_fields_is_said_of_each(world: World):
    account = await world.account()
    fields = {"fn": "738044090258295", "fd": "5321", "fp": "12917O8960", "at": "31.02.2026 15:28", "total": "232,20"}

    answer = await world.client.put(f"/v1/receipts/{uuid.uuid4()}", json=fields, headers=bearer(account))

    assert answer.status_code == 422
    assert answer.json()["code"] == "fields_wrong"
    assert {row["field"] for row in answer.json()["errors"]} == {"fn", "fp", "at"}


async def test_typed_fields_are_the_same_receipt_as_its_code(world: World, buying: Buying):
    await goods(world)
    account, found = await world.account(), document()
    await buying.known(found)
    fields = {
        "fn": found.fn,
        "fd": str(found.fd),
        "fp": found.fp,
        "at": f"{found.at:%d.%m.%Y %H:%M}",
        "total": found.total,
    }

    typed = await world.client.put(f"/v1/receipts/{uuid.uuid4()}", json=fields, headers=bearer(account))
    scanned = await buying.scan(account, found)

    assert typed.status_code == 200, typed.text
    assert typed.json()["receipt"]["fd"] == found.fd
    assert scanned.json()["status"] == "repeated"
