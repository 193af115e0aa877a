"""Receipts that only people can read: who may, who has it, and what it pays."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from backend.identity.brands.models import Brand
from backend.programmes.rules.rule import PercentAmount, Rule
from tests.earning.receipts.receipt_builders import bought, document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.make import Worker, World, bearer

FOREIGN = "http://consumer.oofd.kz/?i=1734000001&f=010100400001&s=13507.0&t={at:%Y%m%dT%H%M%S}"
RECEIPTS = f"{CONSOLE}/receipts"
SOCKETS = {"sku": "РА16-374", "quantity": "2", "amount": 90_000}


@pytest.fixture
async def other(world: World, brand: Held) -> Worker:
    """A reviewer of another brand that pays for receipts."""
    programme = await world.programme(await world.brand("Кабелево"))
    await world.campaign(programme, Rule(ways=frozenset({"receipt"}), amount=PercentAmount(100)))
    await world.product(programme.brand_id, sku="KB-1", name_ru="Кабель")
    return await world.staff(await world.brand_by_id(programme.brand_id), "reviewer")


async def send(held: Held, account=None, found=None):
    """A receipt without a provider, which goes to review."""
    found = found or document(line(amount=90_000), line("Труба", 10_000, 1))
    answer = await held.buying.scan(account or held.account, found)
    assert answer.status_code < 300, answer.text


async def listed(worker: Worker, **params):
    return (await worker.get(RECEIPTS, params=params)).json()["items"]


async def read(worker: Worker, number: int, *lines: dict):
    return await worker.put(f"{RECEIPTS}/{number}/lines", {"lines": list(lines)})


async def test_lines_read_by_reviewer_are_paid(brand: Held):
    await send(brand)
    (row,) = await listed(brand.anna, state="waiting")

    answer = await read(brand.anna, row["id"], SOCKETS)

    assert row["receipt"]["total"] == 100_000
    assert not row["has_photo"]
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"status": "credited", "amount": 5400}
    assert await brand.balance() == 5400
    assert await listed(brand.anna) == []
    (mine,) = await brand.buying.receipts(brand.account)
    assert [(line["status"], line["amount"]) for line in mine["lines"]] == [("paid", 5400)]


async def test_return_read_by_reviewer_pays_nothing(brand: Held, world: World):
    found = document(line(amount=90_000), operation=2)
    answer = (await brand.buying.scan(brand.account, found)).json()
    async with world.db.begin() as session:
        # A return that was sent before returns were refused at once.
        number = (
            await session.execute(text("UPDATE receipts SET state = 'review', decided_at = NULL RETURNING id"))
        ).scalar_one()

    reading = await read(brand.anna, number, SOCKETS)

    assert (answer["status"], answer["reason"]) == ("refused", "is_return")
    assert await listed(brand.anna) == []
    assert (reading.status_code, reading.json()["code"]) == (404, "receipt_not_waiting")
    assert await brand.balance() == 0


async def test_reading_is_idempotent_and_final(brand: Held, other: Worker):
    await send(brand)
    (row,) = await listed(brand.anna)
    await read(brand.anna, row["id"], SOCKETS)

    again = await read(brand.boris, row["id"], SOCKETS)
    more = await read(brand.anna, row["id"], SOCKETS | {"quantity": "1"})
    nothing = await read(brand.anna, row["id"])
    theirs = await read(other, row["id"], {"sku": "KB-1", "quantity": "1", "amount": 100})

    assert (again.status_code, again.json()) == (200, {"status": "credited", "amount": 5400})
    assert {answer.json()["code"] for answer in (more, nothing, theirs)} == {"receipt_decided"}
    assert await brand.balance() == 5400


async def test_receipt_passed_by_all_brands_is_refused(brand: Held, other: Worker):
    await send(brand)
    (row,) = await listed(brand.anna)

    first = await read(brand.anna, row["id"])
    again = await read(brand.boris, row["id"])
    left = await listed(brand.anna), [found["id"] for found in await listed(other)]
    last = await read(other, row["id"])

    assert first.json()["status"] == again.json()["status"] == "review"
    assert left == ([], [row["id"]])
    assert last.json() == {"status": "refused", "amount": 0, "reason": "rejected"}
    assert await brand.status() == [("refused", "rejected")]


async def test_first_brand_with_goods_claims_receipt(brand: Held, other: Worker):
    await send(brand)
    (row,) = await listed(brand.anna)

    answers = await asyncio.gather(
        read(brand.anna, row["id"], SOCKETS),
        read(brand.boris, row["id"], SOCKETS),
        read(other, row["id"], {"sku": "KB-1", "quantity": "1", "amount": 10_000}),
    )

    codes = sorted(answer.status_code for answer in answers)
    assert codes in ([200, 200, 409], [200, 409, 409])
    assert await brand.balance() == (5400 if answers[0].status_code == 200 else 100)


async def test_receipt_of_two_agents_is_paid_once(brand: Held, world: World):
    found = document(line(amount=90_000))
    second = await world.account()
    await send(brand, found=found)
    await send(brand, second, found)
    rows = await listed(brand.anna)

    answers = await asyncio.gather(*(read(brand.anna, row["id"], SOCKETS) for row in rows))

    assert sorted(answer.json()["status"] for answer in answers) == ["credited", "refused"]
    states = [(await brand.buying.receipts(account))[0]["status"] for account in (brand.account, second)]
    assert sorted(states) == ["credited", "refused"]


async def test_fraud_rules_hold_receipt_read_by_reviewer(held: Held):
    await send(held)
    (row,) = await listed(held.anna)

    answer = await read(held.anna, row["id"], SOCKETS)

    assert (answer.json()["status"], answer.json()["reason"]) == ("review", "checked")
    assert await held.balance() == 0
    assert (await held.decide("release")).status_code == 200
    assert await held.balance() == 5400


async def test_lines_read_above_release_limit_stay_in_review(brand: Held, number):
    number("second_person_above", 5399)
    await send(brand)
    (row,) = await listed(brand.anna)
    await read(brand.anna, row["id"], SOCKETS)

    single = [await brand.decide("release") for _ in range(2)]
    before = await brand.balance()
    confirmed = await brand.decide("release", brand.boris)

    assert [answer.status_code for answer in single] == [202, 409]
    assert before == 0
    assert [found["rule"] for found in confirmed.json()["findings"]] == ["large_by_hand"]
    assert await brand.balance() == 5400


async def test_large_by_hand_rule_never_goes_into_shadow(brand: Held, number):
    number("second_person_above", 5399)
    number("overturned_least", 1)
    for _ in range(2):
        await send(brand)
        (row,) = await listed(brand.anna)

        answer = await read(brand.anna, row["id"], SOCKETS)

        assert (answer.json()["status"], answer.json()["reason"]) == ("review", "checked")
        await brand.decide("release")
        await brand.decide("release", brand.boris)


async def test_lines_above_receipt_total_are_refused(brand: Held):
    await send(brand)
    (row,) = await listed(brand.anna)

    large = await read(brand.anna, row["id"], SOCKETS, SOCKETS)
    nought = await read(brand.anna, row["id"], SOCKETS | {"quantity": "0.000"})
    unknown = await read(brand.anna, row["id"], SOCKETS | {"sku": "NOT-OURS"})

    assert large.json()["code"] == "amounts_too_large"
    assert nought.json()["code"] == "quantity_invalid"
    assert unknown.json()["code"] == "product_unknown"
    assert len(await listed(brand.anna)) == 1


async def test_brand_without_receipt_campaign_sees_none(brand: Held, world: World):
    await send(brand)
    (row,) = await listed(brand.anna)
    stranger = await world.staff(role="reviewer")

    assert await listed(stranger) == []
    assert (await read(stranger, row["id"])).json()["code"] == "receipt_not_waiting"
    assert (await read(brand.anna, 2**40)).json()["code"] == "receipt_not_waiting"


async def test_receipt_with_photo_or_answer_comes_first(brand: Held, world: World, db):
    for _ in range(3):
        await send(brand, await world.account())
    first = [row["id"] for row in await listed(brand.anna)]
    await db.rows(text("UPDATE receipts SET answer = 'A large order.' WHERE id = :id"), id=first[2])

    seen, following = [], {}
    while True:
        page = (await brand.anna.get(RECEIPTS, params={"limit": 1} | following)).json()
        seen += page["items"]
        if "next" not in page:
            break
        following = {"cursor": page["next"]}

    assert [row["id"] for row in seen] == [first[2], first[0], first[1]]
    assert seen[0]["answer"] == "A large order."


async def test_brand_without_permission_reads_no_receipts(brand: Held, other: Worker, world: World):
    await send(brand)
    (row,) = await listed(brand.anna)
    async with world.db.begin() as session:
        (await session.get_one(Brand, brand.goods.programme.brand_id)).reads_receipts = False

    hidden = await read(brand.anna, row["id"], SOCKETS)
    photo = await brand.anna.get(f"{RECEIPTS}/{row['id']}/photo")
    passed = await read(other, row["id"])

    assert (await listed(brand.anna), hidden.status_code, photo.status_code) == ([], 404, 404)
    assert passed.json()["reason"] == "rejected"  # no other reviewer was left


async def test_foreign_receipt_is_read_by_reviewer(brand: Held, world: World):
    answer = await world.client.put(
        f"/v1/scans/{uuid.uuid4()}", json={"text": FOREIGN.format(at=bought())}, headers=bearer(brand.account)
    )
    assert answer.json()["status"] == "pending", answer.text
    assert "tax service" not in answer.json()["next"]
    (row,) = await listed(brand.anna)

    paid = await read(brand.anna, row["id"], {"sku": "РА16-374", "quantity": "1", "amount": 100})

    assert row["receipt"]["country"] != "RU"
    assert paid.json() == {"status": "credited", "amount": 6}
