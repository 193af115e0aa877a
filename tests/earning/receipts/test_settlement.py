"""What a verified receipt pays: whose it is, which lines count, and what the agent sees."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.earning.receipts.verification import service as verification
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from tests.earning.receipts.receipt_builders import PLUG, SELLER, Buying, bought, document, goods, line, qr
from tests.make import World, bearer

OTHER = "Труба PPR 20х3,4 PN20 4м"


async def test_receipt_pays_for_lines_of_the_brand(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    found = document(line(amount=90_000), line(OTHER, 22_600, 1), line(PLUG, 9_450, 1))

    mine = await buying.bring(account, found)

    assert mine["status"] == "credited"
    assert [(row["n"], row["status"], row["amount"]) for row in mine["lines"]] == [(0, "paid", 5400), (2, "paid", 567)]
    home = await world.home(account)
    assert home["wallets"][0]["available"] == 5967


async def test_scan_has_requisites_of_receipt(world: World, buying: Buying):
    account = await world.account()
    found = document()

    answer = (await buying.scan(account, found)).json()

    assert answer["kind"] == "receipt"
    assert answer["status"] == "pending"
    requisites = {"fn": found.fn, "fd": found.fd, "fp": found.fp, "total": found.total, "operation": 1}
    assert answer["receipt"] == requisites | {"at": found.at.isoformat()}
    assert answer["decide_by"]


def _with_odd_line(sum_: int, quantity: int):
    """A provider's document of a purchase with a line that is no goods."""
    found = document()
    odd = {"name": "Карта", "price": sum_, "quantity": quantity, "sum": sum_}
    items = [odd, {"name": found.lines[0].name, "price": 45_000, "quantity": 2, "sum": 90_000, "paymentType": 4}]
    raw = {
        "code": 3,
        "userInn": SELLER,
        "dateTime": found.at.isoformat(),
        "fiscalDriveNumber": found.fn,
        "fiscalDocumentNumber": found.fd,
        "fiscalSign": found.fp,
        "operationType": 1,
        "totalSum": 90_000 + sum_,
        "items": items,
    }
    return verification.read_document(raw)


async def test_line_without_quantity_leaves_others_paid(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), _with_odd_line(0, 0))

    assert [(row["n"], row["status"], row["amount"]) for row in mine["lines"]] == [(1, "paid", 5400)]


async def test_discount_line_sends_receipt_to_review(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), _with_odd_line(-10_000, 1))

    assert (mine["status"], mine["lines"][0]["reason"]) == ("review", "doubtful")


@pytest.mark.parametrize(
    ("fields", "name", "status"),
    [
        ({"maker": "Нордлайт"}, "Котел газовый Нордлайт", "paid"),
        ({"trade_marks": ["Теплон", "Нордлайт"]}, "КОТЕЛ ГАЗОВЫЙ НОРДЛАЙТ", "paid"),
        ({"aliases": ["котел газ KN24"], "articles": ["KN24"]}, "Котел газ KN24", "paid"),
        ({"exact_aliases": ["кот. газ. настенный"]}, "Кот газ настенный", "paid"),
        ({"aliases": ["котел газ"]}, "Котел газ", "review"),
        ({"maker": "Нордлайт"}, "Котел газовый", "review"),
    ],
)
async def test_line_with_trade_mark_is_paid(world: World, buying: Buying, fields, name, status):
    brand = await world.brand("ООО «Дом тепла»")
    await world.campaign(await world.programme(brand), Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600)))
    await world.product(brand.id, name_ru="Котел газовый", name_en="", **fields)

    mine = await buying.bring(await world.account(), document(line(name)))

    assert [row["status"] for row in mine["lines"]] == [status]


async def test_campaign_with_receipt_days_pays_older_receipt(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600), receipt_days=10))
    account = await world.account()

    mine = await buying.bring(account, document(at=bought(minutes=8 * 24 * 60)))
    older = (await buying.scan(account, document(at=bought(minutes=11 * 24 * 60)))).json()

    assert mine["status"] == "credited"
    assert (older["status"], older["reason"]) == ("refused", "too_old")


async def test_campaign_without_receipt_days_refuses_older_receipt(world: World, buying: Buying):
    mine = await goods(world)
    other = await world.programme(await world.brand("Кабелево"))
    rule = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(100), receipt_days=10)
    await world.campaign(other, rule)

    answer = await buying.bring(await world.account(), document(at=bought(minutes=8 * 24 * 60)))

    assert mine.programme.id != other.id
    assert [(row["status"], row["reason"]) for row in answer["lines"]] == [("refused", "too_old")]


async def test_campaign_with_fewer_receipt_days_refuses_older(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600), receipt_days=1))

    answer = await buying.bring(await world.account(), document(at=bought(minutes=50 * 60)))

    assert [(row["status"], row["reason"]) for row in answer["lines"]] == [("refused", "too_old")]


async def test_claimed_receipt_pays_no_other_agent(world: World, buying: Buying):
    await goods(world)
    first, second = await world.account(), await world.account()
    found = document()
    await buying.bring(first, found)

    answer = (await buying.scan(second, found)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "already_claimed")


async def test_unverified_receipt_blocks_no_other_agent(world: World, buying: Buying):
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


async def test_concurrent_senders_of_one_receipt_have_one_winner(world: World, buying: Buying):
    await goods(world)
    found = document()
    await buying.known(found)
    accounts = [await world.account() for _ in range(8)]
    await asyncio.gather(*(buying.scan(account, found) for account in accounts))

    await asyncio.gather(*(buying.work() for _ in range(3)))

    states = [(await buying.receipts(account))[0] for account in accounts]
    assert sorted(row["status"] for row in states) == ["credited"] + ["refused"] * 7
    assert {row.get("reason") for row in states if row["status"] == "refused"} == {"already_claimed"}


async def test_repeated_id_gets_the_first_response(world: World, buying: Buying):
    account, scan_id, found = await world.account(), uuid.uuid4(), document()
    first = (await buying.scan(account, found, scan_id)).json()

    again = (await buying.scan(account, found, scan_id)).json()
    anew = (await buying.scan(account, found)).json()

    assert again == first
    assert anew["status"] == "repeated"
    assert len(await buying.receipts(account)) == 1


async def test_advance_pays_nothing_and_full_settlement_does(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    advance = await buying.bring(account, document(line(payment=3)))
    settled = await buying.bring(account, document(line(payment=4)))

    assert (advance["status"], advance["lines"][0]["reason"]) == ("refused", "not_full_settlement")
    assert settled["status"] == "credited"


async def test_fixed_award_is_paid_up_to_unit_limit(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=FixedAmount(1000), units_per_receipt=3))
    account = await world.account()
    found = document(line(quantity=2), line(quantity=4, amount=180_000), line(quantity=1, amount=45_000))

    mine = await buying.bring(account, found)

    assert [(row["status"], row.get("amount"), row.get("reason")) for row in mine["lines"]] == [
        ("paid", 2000, None),
        ("paid", 1000, None),
        ("refused", None, "quantity_limit"),
    ]


async def test_two_identical_lines_are_both_paid(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), document(line(amount=50_000), line(amount=50_000)))

    assert [row["amount"] for row in mine["lines"]] == [3000, 3000]


async def test_marked_unit_pays_once_on_two_receipts(world: World, buying: Buying):
    await goods(world)
    unit = {"gtin": "04606203090785", "serial": "5AB1C2D3E4F5G"}
    first = await buying.bring(await world.account(), document(line(quantity=1, **unit)))
    second = await buying.bring(await world.account(), document(line(quantity=1, **unit)))

    assert first["status"] == "credited"
    assert (second["status"], second["reason"]) == ("refused", "already_claimed")


async def test_excluded_shop_pays_nothing_by_either_number(world: World, buying: Buying):
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


async def test_receipt_without_goods_is_refused_with_reason(world: World, buying: Buying):
    await goods(world)

    mine = await buying.bring(await world.account(), document(line(OTHER)))

    assert (mine["status"], mine["reason"]) == ("refused", "no_products")


async def test_award_matures_after_hold_days(world: World, buying: Buying):
    await goods(world, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600), hold_days=14))
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


async def test_typed_fields_have_an_error_each(world: World):
    account = await world.account()
    fields = {"fn": "738044090258295", "fd": "5321", "fp": "12917O8960", "at": "31.02.2026 15:28", "total": "232,20"}

    answer = await world.client.put(f"/v1/receipts/{uuid.uuid4()}", json=fields, headers=bearer(account))

    assert answer.status_code == 422
    assert answer.json()["code"] == "fields_wrong"
    assert {row["field"] for row in answer.json()["errors"]} == {"fn", "fp", "at"}


async def test_typed_fields_equal_scanned_receipt(world: World, buying: Buying):
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


@pytest.mark.parametrize(("hours", "amount"), [(3, 9000), (1, 5400), (40, 5400), (73, 5400)])
async def test_queued_receipt_uses_campaign_of_scan_time(world: World, buying: Buying, hours, amount):
    """A campaign of 10 % ended two hours ago. The receipt is 20 hours old: an earlier scan of it is none."""
    found_goods = await goods(world)
    now = datetime.now(UTC)
    rule = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(1000))
    times = {"starts_at": now - timedelta(days=30), "ends_at": now - timedelta(hours=2)}
    await world.campaign(found_goods.programme, rule, **times)
    account, found = await world.account(), document(line(amount=90_000), at=bought(minutes=20 * 60))
    await buying.known(found)
    scan = {"id": str(uuid.uuid4()), "text": qr(found), "taken_at": (now - timedelta(hours=hours)).isoformat()}

    answer = await world.client.post("/v1/scans/batch", json={"scans": [scan]}, headers=bearer(account))
    await buying.work()

    assert answer.json()["items"][0]["status"] == "pending"
    (mine,) = await buying.receipts(account)
    assert mine["lines"][0]["amount"] == amount
