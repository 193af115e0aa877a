"""Correction of wrong numbers by the sender, until the receipt is claimed."""

import asyncio
import uuid
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from scanning.receipts.document import Document
from tests.earning.receipts.receipt_builders import Buying, bought, document, goods, qr
from tests.make import World, bearer


def _fields(found: Document) -> dict[str, Any]:
    return {"fn": found.fn, "fd": found.fd, "fp": found.fp, "at": f"{found.at:%d.%m.%Y %H:%M}", "total": found.total}


async def _type(world: World, account: AccountCreated, body: dict[str, Any], key: uuid.UUID | None = None) -> Response:
    return await world.client.put(f"/v1/receipts/{key or uuid.uuid4()}", json=body, headers=bearer(account))


@pytest.mark.parametrize("wrong", [{"total": 100}, {"at": "01:01"}], ids=["the total", "the time"])
async def test_typing_error_is_corrected_under_first_id(world: World, buying: Buying, wrong):
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


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [({"total": 100}, ["total"]), ({"operation": 2}, ["operation"]), ({"fp": 5, "total": 100}, ["fp"])],
)
async def test_receipt_that_differs_names_the_fields(world: World, buying: Buying, wrong, fields):
    account, found = await world.account(), document()
    await buying.known(found)
    await _type(world, account, _fields(found) | wrong)

    await buying.work()

    (mine,) = await buying.receipts(account)
    assert (mine["reason"], mine["differs"]) == ("differs", fields)
    assert ("the sum" in mine["next"]) is (fields == ["total"])


@pytest.mark.parametrize("wrong", [{"total": 100}, {"fp": 5}])
async def test_late_correction_is_not_too_old(world: World, buying: Buying, number, wrong):
    await goods(world)
    account, found = await world.account(), document(at=bought(minutes=150))
    await buying.known(found)
    await _type(world, account, _fields(found) | wrong)
    await buying.work()
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET sent_at = sent_at - interval '1 hour'"))
    number("receipt_age_hours", 1)

    late = await _type(world, account, _fields(found))
    stranger = await _type(world, await world.account(), _fields(found))
    await buying.work()

    assert late.status_code == 200, late.text
    assert (await buying.receipts(account))[0]["status"] == "credited"
    assert (stranger.status_code, stranger.json()["code"]) == (422, "receipt_refused")


async def test_old_receipt_is_not_sent_as_a_correction(world: World, buying: Buying, number):
    account, found = await world.account(), document(at=bought(minutes=60 * 80))
    await _type(world, account, _fields(found) | {"at": f"{bought(60):%d.%m.%Y %H:%M}"})

    answer = await _type(world, account, _fields(found))

    assert (answer.status_code, answer.json()["code"]) == (422, "receipt_refused")


async def test_typed_receipt_has_state_of_scanned(world: World, buying: Buying):
    account, found = await world.account(), document()
    await buying.known(found)

    typed = (await _type(world, account, _fields(found))).json()
    scanned = (await buying.scan(await world.account(), found)).json()

    assert (typed["status"], typed["next"]) == ("pending", scanned["next"])


async def test_pending_receipt_has_retry_after(world: World, buying: Buying):
    await goods(world)
    account, found, key = await world.account(), document(), uuid.uuid4()
    await buying.known(found)
    await _type(world, account, _fields(found), key)

    waits = await world.client.get(f"/v1/receipts/{key}", headers=bearer(account))
    same = await world.client.get(
        f"/v1/receipts/{key}", headers=bearer(account) | {"If-None-Match": waits.headers["etag"]}
    )
    await buying.work()
    decided = await world.client.get(f"/v1/receipts/{key}", headers=bearer(account))

    assert (waits.headers["retry-after"], same.status_code, same.headers["retry-after"]) == ("5", 304, "5")
    assert "retry-after" not in decided.headers


async def test_pending_receipt_is_corrected_despite_late_answer(world: World, buying: Buying):
    account, found = await world.account(), document()
    await _type(world, account, _fields(found) | {"total": found.total + 1})
    async with world.db.begin() as session:
        before = (await session.execute(text("SELECT due_at, total FROM receipts"))).one()

    await _type(world, account, _fields(found))

    async with world.db.begin() as session:
        after = (await session.execute(text("SELECT due_at, total FROM receipts"))).one()
    assert (before.total, after.total) == (found.total + 1, found.total)
    assert after.due_at is None or after.due_at > before.due_at


async def test_paid_receipt_cannot_be_corrected(world: World, buying: Buying):
    await goods(world)
    account, found = await world.account(), document()
    await buying.bring(account, found)

    answer = (await _type(world, account, _fields(found) | {"total": found.total + 1})).json()
    await buying.work()

    assert (answer["status"], answer["receipt"]["total"]) == ("credited", found.total)
    assert (await world.home(account))["wallets"][0]["available"] == 5400


async def test_another_total_under_same_id_is_refused(world: World, buying: Buying):
    account, found, key = await world.account(), document(), uuid.uuid4()
    await _type(world, account, _fields(found), key)

    other = await _type(world, account, _fields(found) | {"total": found.total + 1}, key)
    same = await _type(world, account, _fields(found), key)

    assert (other.status_code, other.json()["code"]) == (422, "body_changed")
    assert same.status_code == 200


async def test_missing_seconds_are_the_same_receipt(world: World, buying: Buying):
    account, found = await world.account(), document()
    await _type(world, account, _fields(found))

    answer = await buying.scan(account, qr(found).replace("&s=", "07&s="))

    assert answer.json()["status"] == "repeated"


async def test_refusal_waits_for_concurrent_claim(world: World, buying: Buying):
    account, found = await world.account(), document()
    await buying.scan(account, found)

    async def refuse() -> None:
        async with world.db.begin() as session:
            await session.execute(text("SELECT receipts_refuse(id, 'differs') FROM receipts"))

    async with world.db.begin() as session:
        await session.execute(text("SELECT FROM receipts FOR UPDATE"))
        await session.execute(
            text(
                "INSERT INTO receipt_claims (country, identity, receipt_id, account_id, till, bought_at, number, "
                "quick) "
                "SELECT country, identity, id, account_id, 'till', at, 1, false FROM receipts"
            )
        )
        await session.execute(text("UPDATE receipts SET state = 'review', due_at = NULL"))
        refusal = asyncio.create_task(refuse())
        await asyncio.sleep(0.3)
    await refusal

    assert [row["status"] for row in await buying.receipts(account)] == ["review"]
