"""Deletion of photos and answers: after a month, and when the account is closed."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from backend.earning.receipts import erasure
from tests.earning.receipts.pictures import photo
from tests.earning.receipts.receipt_builders import Buying, document, goods, line, qr
from tests.earning.receipts.test_photos import add, answer, fetch_photo, files, mine, waiting  # noqa: F401
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id

ROWS = text("SELECT id, key, state, reason, photo, answer, decided_at FROM receipts ORDER BY id")


async def with_photo(world: World, buying: Buying, account, *, decided_days: int | None = None):
    """A receipt with a photo and an answer; decided so many days ago."""
    key = await waiting(buying, account)
    assert (await add(world, account, key, photo())).is_success
    assert (await answer(world, account, key, "For a house.")).is_success
    if decided_days is not None:
        async with world.db.begin() as session:
            await session.execute(
                text(
                    "UPDATE receipts SET state = 'refused', reason = 'rejected', "
                    "decided_at = now() - :days * interval '1 day' WHERE key = :key"
                ),
                {"days": decided_days, "key": uuid.UUID(key)},
            )
    return key


async def test_photos_are_removed_thirty_days_after_decision(world: World, buying: Buying, settings, files):  # noqa: F811
    account = await world.account()
    keys = [await with_photo(world, buying, account, decided_days=days) for days in (31, 29, None)]
    names = [row.photo for row in await world.db.rows(ROWS)]

    await erasure.remove_old_photos(db=world.db, files=files, settings=settings)
    await erasure.remove_old_answers(db=world.db, settings=settings)

    old, *others = await world.db.rows(ROWS)
    assert (old.photo, old.answer) == (None, None)
    assert [row.photo for row in others] == names[1:]
    assert {row.answer for row in others} == {"For a house."}
    assert [await files.exists(name) for name in names] == [False, True, True]
    assert (await fetch_photo(world, account, keys[0])).status_code == 404
    assert "has_photo" not in await mine(world, account, keys[0])


class Fallen(Exception):
    """The worker was killed."""


class Falling:
    """Storage that removes so many objects and then the worker falls."""

    def __init__(self, files, removals: int) -> None:  # noqa: F811
        self.files, self.left = files, removals

    async def remove_folder(self, name: str) -> None:
        if self.left:
            self.left -= 1
            await self.files.remove_folder(name)
        raise Fallen


@pytest.mark.parametrize("removals", [0, 1])
async def test_crashed_removal_is_completed_by_retry(world: World, buying: Buying, app, settings, removals):
    account, stored = await world.account(), app.state["files"]
    for _ in range(2):
        await with_photo(world, buying, account, decided_days=31)
    names = [row.photo for row in await world.db.rows(ROWS)]

    with pytest.raises(Fallen):
        await erasure.remove_old_photos(db=world.db, files=Falling(stored, removals), settings=settings)
    named = [row.photo for row in await world.db.rows(ROWS)]
    await erasure.remove_old_photos(db=world.db, files=stored, settings=settings)

    assert named == names
    assert [row.photo for row in await world.db.rows(ROWS)] == [None, None]
    assert [await stored.exists(name) for name in names] == [False, False]


async def test_closed_account_loses_photos_and_answers(world: World, buying: Buying, app):
    account, other = await world.account(), await world.account()
    key = await with_photo(world, buying, account, decided_days=2)
    await with_photo(world, buying, account)
    stays = await with_photo(world, buying, other)
    number = await account_id(world, account)
    before = await world.db.rows(ROWS)

    await world.client.delete("/v1/me", headers=bearer(account))
    await erasure.remove_photos(number, db=world.db, files=app.state["files"])

    rows = await world.db.rows(ROWS)
    assert [(row.photo, row.answer) for row in rows[:2]] == [(None, None)] * 2
    assert str(rows[0].key) != key
    assert [(row.state, row.reason) for row in rows[:2]] == [("refused", "rejected"), ("refused", "account_closed")]
    assert rows[0].decided_at == before[0].decided_at
    assert [await app.state["files"].exists(row.photo) for row in before] == [False, False, True]
    assert (await fetch_photo(world, other, stays)).status_code == 200


async def test_removal_job_is_enqueued_in_the_same_transaction(world: World, buying: Buying):
    account, bare = await world.account(), await world.account()
    await with_photo(world, buying, account)
    await waiting(buying, bare)
    number = await account_id(world, account)

    for one in (bare, account):
        await world.client.delete("/v1/me", headers=bearer(one))

    queued = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'receipts.remove_photos'")
    assert [row.args for row in await world.db.rows(queued)] == [{"account_id": number}]


async def test_photo_of_closed_account_is_hidden(world: World, buying: Buying):
    offer, account = await goods(world), await world.account()
    await with_photo(world, buying, account)
    staff = await world.staff(await world.brand_by_id(offer.programme.brand_id))
    path = f"/v1/console/receipts/{(await world.db.call(ROWS)).id}/photo"
    before = await staff.get(path)

    await world.client.delete("/v1/me", headers=bearer(account))

    assert (before.status_code, (await staff.get(path)).status_code) == (200, 404)


async def test_closed_account_keeps_paid_lines_and_loses_pending(world: World, buying: Buying):
    await goods(world)
    account, other = await world.account(), await world.account()
    paid, doubtful = document(), document(line(), line(name="Розетка двойная Оптима белая"))
    await buying.bring(account, paid)
    await buying.bring(account, doubtful)
    waits = text("SELECT count(*) AS n FROM receipt_lines WHERE state = 'review'")
    before = (await world.db.call(waits)).n

    await world.client.delete("/v1/me", headers=bearer(account))

    again = [await buying.scan(other, one) for one in (paid, doubtful)]
    assert before == 1
    assert (await world.db.call(waits)).n == 0
    assert [response.json()["reason"] for response in again] == ["already_claimed"] * 2
    claims = text("SELECT count(*) AS claims, (SELECT count(*) FROM accruals) AS accruals FROM receipt_claims")
    assert await world.db.call(claims) == (2, 2)
    lines = await world.db.rows(text("SELECT state, reason FROM receipt_lines ORDER BY id"))
    assert [tuple(row) for row in lines] == [("paid", None), ("paid", None), ("refused", "account_closed")]
    assert [row.state for row in await world.db.rows(ROWS)][:2] == ["credited"] * 2


async def test_pending_receipt_of_closed_account_is_refused(world: World, buying: Buying):
    await goods(world)
    account, other, found = await world.account(), await world.account(), document()
    await buying.known(found)
    await buying.scan(account, found)

    await world.client.delete("/v1/me", headers=bearer(account))
    await buying.work()
    await buying.scan(other, found)
    await buying.work()

    first, second = await world.db.rows(ROWS)
    assert (first.state, first.reason, second.state) == ("refused", "account_closed", "credited")


async def test_photo_uploaded_during_closing_is_removed(world: World, buying: Buying, app):
    stored = app.state["files"]
    for delay in (0.0, 0.01, 0.03, 0.06):
        account = await world.account()
        key, number = await waiting(buying, account), await account_id(world, account)

        async def leave(account=account, number=number, delay=delay) -> None:
            await asyncio.sleep(delay)
            await world.client.delete("/v1/me", headers=bearer(account))
            await erasure.remove_photos(number, db=world.db, files=stored)

        response, _ = await asyncio.gather(add(world, account, key, photo()), leave())

        assert response.status_code in (200, 401, 404, 409)
        assert (await world.db.rows(ROWS))[-1].photo is None
        receipt_id = (await world.db.rows(ROWS))[-1].id
        folder = stored.root / "receipts" / str(receipt_id)
        assert not folder.exists() or not list(folder.iterdir())


async def test_export_has_receipts_with_lines_and_answers(world: World, buying: Buying):
    await goods(world)
    account, found = await world.account(), document()
    await buying.bring(account, found)
    key = await with_photo(world, buying, account)

    exported = (await world.client.get("/v1/me/export", headers=bearer(account))).json()["receipts"]

    waits, paid = exported
    assert (waits["receipt"]["id"], waits["receipt"]["has_photo"], waits["answer"]) == (key, True, "For a house.")
    assert waits["text"].startswith("t=")
    assert paid["text"] == qr(found)
    assert [(row["status"], row["amount"]) for row in paid["receipt"]["lines"]] == [("paid", 5400)]
