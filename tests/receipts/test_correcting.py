"""A receipt whose numbers were wrong can be put right by whoever sent it, and by nobody once it is claimed."""

import asyncio
import uuid
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from scanning.document import Document
from tests.make import World, bearer
from tests.receipts.buying import Buying, document, goods, qr


def _fields(found: Document) -> dict[str, Any]:
    return {"fn": found.fn, "fd": found.fd, "fp": found.fp, "at": f"{found.at:%d.%m.%Y %H:%M}", "total": found.total}


async def _type(world: World, account: AccountNew, body: dict[str, Any], key: uuid.UUID | None = None) -> Response:
    return await world.client.put(f"/v1/receipts/{key or uuid.uuid4()}", json=body, headers=bearer(account))


@pytest.mark.parametrize("wrong", [{"total": 100}, {"at": "01:01"}], ids=["the total", "the time"])
async def test_what_was_typed_wrong_is_put_right_under_the_first_id(world: World, buying: Buying, wrong):
    await goods(world)
    account, found = await world.account(), document()
    await buying.known(found)
    mistyped = _fields(found) | ({"at": f"{found.at:%d.%m.%Y} {wrong['at']}"} if "at" in wrong else wrong)
    first = (await _type(world, account, mistyped)).json()
    await buying.work()
    (refused,) = await buying.receipts(account)

    again = (await _type(world, account, _fields(found))).json()
    await buying.work()

    assert (refused["status"], refused["reason"]) == ("refused", "differs")
    assert (again["id"], again["status"]) == (first["id"], "pending")
    (mine,) = await buying.receipts(account)
    assert (mine["status"], mine["receipt"]["total"]) == ("credited", found.total)


async def test_it_is_put_right_while_it_waits_whatever_its_worker_heard_of_the_wrong_numbers(
    world: World, buying: Buying
):
    account, found = await world.account(), document()
    await _type(world, account, _fields(found) | {"total": found.total + 1})
    async with world.db.begin() as session:
        before = (await session.execute(text("SELECT due_at, total FROM receipts"))).one()

    await _type(world, account, _fields(found))

    async with world.db.begin() as session:
        after = (await session.execute(text("SELECT due_at, total FROM receipts"))).one()
    assert (before.total, after.total) == (found.total + 1, found.total)
    assert after.due_at is None or after.due_at > before.due_at


async def test_what_is_paid_is_put_right_no_more(world: World, buying: Buying):
    await goods(world)
    account, found = await world.account(), document()
    await buying.bring(account, found)

    answer = (await _type(world, account, _fields(found) | {"total": found.total + 1})).json()
    await buying.work()

    assert (answer["status"], answer["receipt"]["total"]) == ("credited", found.total)
    assert (await world.home(account))["wallets"][0]["available"] == 5400


async def test_another_sum_under_the_same_id_is_another_receipt(world: World, buying: Buying):
    account, found, key = await world.account(), document(), uuid.uuid4()
    await _type(world, account, _fields(found), key)

    other = await _type(world, account, _fields(found) | {"total": found.total + 1}, key)
    same = await _type(world, account, _fields(found), key)

    assert (other.status_code, other.json()["code"]) == (422, "body_changed")
    assert same.status_code == 200


async def test_seconds_that_were_not_typed_make_no_other_receipt(world: World, buying: Buying):
    account, found = await world.account(), document()
    await _type(world, account, _fields(found))

    answer = await buying.scan(account, qr(found).replace("&s=", "07&s="))

    assert answer.json()["status"] == "repeated"


async def test_a_refusal_waits_for_the_claim_that_is_being_made(world: World, buying: Buying):
    account, found = await world.account(), document()
    await buying.scan(account, found)

    async def refuse() -> None:
        async with world.db.begin() as session:
            await session.execute(text("SELECT receipts_refuse(id, 'differs') FROM receipts"))

    async with world.db.begin() as session:
        await session.execute(text("SELECT FROM receipts FOR UPDATE"))
        await session.execute(text(
            "INSERT INTO receipt_claims (country, identity, receipt_id, account_id, till, bought_at, number, quick) "
            "SELECT country, identity, id, account_id, 'till', at, 1, false FROM receipts"
        ))  # fmt: skip
        await session.execute(text("UPDATE receipts SET state = 'review', due_at = NULL"))
        refusal = asyncio.create_task(refuse())
        await asyncio.sleep(0.3)
    await refusal

    assert [row["status"] for row in await buying.receipts(account)] == ["review"]
