"""Photos of receipts and the one answer: who may add them, who sees them, what is kept."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest
from PIL import Image
from sqlalchemy import text

from backend.core.storage.bucket import Bucket
from backend.identity.brands.models import Brand
from tests.bucket import serving_s3
from tests.earning.receipts.pictures import photo
from tests.earning.receipts.receipt_builders import Buying, document, goods, line, qr
from tests.make import World, bearer

PHOTO = text("SELECT photo FROM receipts ORDER BY id DESC LIMIT 1")


@pytest.fixture(params=["folder", "bucket"])
async def files(request, app) -> AsyncIterator[object]:
    """The application's storage: its own folder, or a bucket in its place."""
    if request.param == "folder":
        yield app.state["files"]
        return
    before = app.state["files"], app.state["scan_context"]
    with serving_s3():
        bucket = Bucket(f"s3://scanback/{uuid.uuid4().hex}")
        app.state["files"], app.state["scan_context"] = bucket, msgspec.structs.replace(before[1], files=bucket)
        yield bucket
        bucket.close()
    app.state["files"], app.state["scan_context"] = before


async def scanned(world: World, account, content: bytes, scan_id=None):
    return await world.client.put(
        f"/v1/scans/{scan_id or uuid.uuid4()}", files={"file": ("photo", content)}, headers=bearer(account)
    )


async def add(world: World, account, key, content: bytes):
    return await world.client.put(
        f"/v1/receipts/{key}/photo", files={"file": ("photo", content)}, headers=bearer(account)
    )


async def answer(world: World, account, key, answered: str):
    return await world.client.put(f"/v1/receipts/{key}/answer", json={"text": answered}, headers=bearer(account))


async def fetch_photo(world: World, account, key):
    return await world.client.get(f"/v1/receipts/{key}/photo", headers=bearer(account))


async def waiting(buying: Buying, account) -> str:
    """A receipt that waits for a person, because no provider can be asked: the id under which it was sent."""
    key = uuid.uuid4()
    response = await buying.scan(account, document(), key)
    assert response.json()["status"] == "pending", response.text
    return str(key)


async def mine(world: World, account, key):
    return (await world.client.get(f"/v1/receipts/{key}", headers=bearer(account))).json()


async def test_photo_is_stored_without_metadata(world: World, files):
    account, key, found = await world.account(), uuid.uuid4(), document()
    content = photo(qr(found))

    response = await scanned(world, account, content, key)

    assert (response.json()["kind"], response.json()["status"]) == ("receipt", "pending")
    stored = await fetch_photo(world, account, key)
    assert (stored.status_code, stored.headers["content-type"]) == (200, "image/jpeg")
    assert stored.headers["cache-control"] == "private, no-store"
    assert b"Exif" in content
    assert b"Ivan" in content
    assert b"Exif" not in stored.content
    assert b"Ivan" not in stored.content
    image = Image.open(io.BytesIO(stored.content))
    assert (image.size, len(image.getexif())) == ((900, 1200), 0)
    receipt = await mine(world, account, key)
    assert (receipt["status"], receipt["reason"], receipt["has_photo"]) == ("review", "being_checked", True)


async def test_repeated_picture_has_one_photo(world: World, files):
    account, key = await world.account(), uuid.uuid4()
    content = photo(qr(document()))
    first = await scanned(world, account, content, key)
    name = (await world.db.call(PHOTO)).photo

    again = await scanned(world, account, content, key)
    added = await add(world, account, key, content)

    assert (again.json(), added.status_code) == (first.json(), 200)
    assert (await world.db.call(PHOTO)).photo == name
    assert await files.exists(name)


async def test_interrupted_photo_is_stored_by_a_repeat(world: World, app):
    account, key = await world.account(), uuid.uuid4()
    content = photo(qr(document()))
    await scanned(world, account, content, key)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE receipts SET photo = NULL"))

    await scanned(world, account, content, key)

    assert (await fetch_photo(world, account, key)).status_code == 200


async def test_two_receipts_of_one_picture_have_photos(world: World):
    account, found = await world.account(), [document(), document()]

    response = await scanned(world, account, photo(*map(qr, found)))

    assert len(response.json()["others"]) == 1
    rows = await world.db.rows(text("SELECT id, photo FROM receipts ORDER BY id"))
    assert [row.photo.split("/")[1] for row in rows] == [str(row.id) for row in rows]


async def test_picture_without_receipt_is_not_stored(world: World, app):
    account = await world.account()

    await scanned(world, account, photo("https://example.com/nothing"))

    assert await world.db.rows(text("SELECT 1 FROM receipts")) == []


async def test_refused_receipt_has_no_photo(world: World, buying: Buying):
    await goods(world)
    first, second, found = await world.account(), await world.account(), document()
    await buying.bring(first, found)

    response = await scanned(world, second, photo(qr(found)))

    assert response.json()["reason"] == "already_claimed"
    assert (await world.db.call(PHOTO)).photo is None


async def test_photo_is_added_during_review(world: World, buying: Buying, files):
    account = await world.account()
    key = await waiting(buying, account)
    before = await mine(world, account, key)

    response = await add(world, account, key, photo())

    assert (before["reason"], before.get("has_photo", False)) == ("photo_needed", False)
    assert response.status_code == 200, response.text
    assert (response.json()["reason"], response.json()["has_photo"]) == ("being_checked", True)
    assert (await fetch_photo(world, account, key)).content[:3] == b"\xff\xd8\xff"


async def test_second_photo_is_a_conflict(world: World, buying: Buying):
    account = await world.account()
    key = await waiting(buying, account)
    await add(world, account, key, photo())
    first = (await fetch_photo(world, account, key)).content

    other = await add(world, account, key, photo(shade=90))

    assert (other.status_code, other.json()["code"]) == (409, "photo_kept")
    assert (await fetch_photo(world, account, key)).content == first


async def test_lost_photo_can_be_replaced(world: World, buying: Buying, app):
    account = await world.account()
    key = await waiting(buying, account)
    await add(world, account, key, photo())
    await app.state["files"].remove((await world.db.call(PHOTO)).photo)

    lost = await fetch_photo(world, account, key)
    other = await add(world, account, key, photo(shade=90))

    assert (lost.status_code, other.status_code) == (404, 200)
    assert (await fetch_photo(world, account, key)).status_code == 200


async def test_concurrent_photos_leave_one(world: World, buying: Buying, app):
    account = await world.account()
    key = await waiting(buying, account)

    answers = await asyncio.gather(*(add(world, account, key, photo(shade=40 * n)) for n in range(5)))

    assert {response.status_code for response in answers} <= {200, 409, 503}
    assert any(response.is_success for response in answers)
    name = (await world.db.call(PHOTO)).photo
    folder = app.state["files"].root / name.rpartition("/")[0]
    assert [path.name for path in folder.iterdir()] == [name.rpartition("/")[2]]


async def test_photo_of_decided_receipt_is_a_conflict(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    receipt = await buying.bring(account, document())

    late = await add(world, account, receipt["id"], photo())
    answered = await answer(world, account, receipt["id"], "It was me.")

    assert receipt["status"] == "credited"
    assert (late.status_code, late.json()["code"]) == (409, "receipt_decided")
    assert (answered.status_code, answered.json()["code"]) == (409, "receipt_decided")


async def test_file_that_is_no_picture_is_refused(world: World, buying: Buying):
    account = await world.account()
    key = await waiting(buying, account)

    words = await add(world, account, key, b"only words, and not a picture")
    broken = await add(world, account, key, photo()[:3000])
    as_json = await world.client.put(f"/v1/receipts/{key}/photo", json={}, headers=bearer(account))
    no_file = await world.client.put(f"/v1/receipts/{key}/photo", files={"else": b"x"}, headers=bearer(account))

    assert [row.status_code for row in (words, broken, as_json, no_file)] == [415, 422, 415, 400]
    assert (await world.db.call(PHOTO)).photo is None


async def test_pictures_are_rate_limited(world: World, buying: Buying, number):
    account = await world.account()
    key = await waiting(buying, account)
    number("pictures_per_minute", 0)

    response = await add(world, account, key, photo())

    assert response.status_code == 429


async def test_photo_of_another_agent_not_found(world: World, buying: Buying):
    account, stranger = await world.account(), await world.account()
    key = await waiting(buying, account)
    await add(world, account, key, photo())

    seen = await fetch_photo(world, stranger, key)
    added = await add(world, stranger, key, photo())
    answered = await answer(world, stranger, key, "Mine.")

    assert [row.status_code for row in (seen, added, answered)] == [404, 404, 404]


async def test_answer_is_stored_once_without_contacts(world: World, buying: Buying):
    account = await world.account()
    key = await waiting(buying, account)
    answered = "Forty sockets for a house. Call +7 912 345-67-89 or ivan@example.com"
    before = await mine(world, account, key)

    first = await answer(world, account, key, answered)
    again = await answer(world, account, key, answered)
    other = await answer(world, account, key, "Something else")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert (before["may_answer"], first.json().get("may_answer", False)) == (True, False)
    assert (other.status_code, other.json()["code"]) == (409, "answer_given")
    stored = (await world.db.call(text("SELECT answer FROM receipts"))).answer
    assert stored == "Forty sockets for a house. Call  or"


async def test_concurrent_answers_have_one_winner(world: World, buying: Buying):
    account = await world.account()
    key = await waiting(buying, account)

    answers = await asyncio.gather(*(answer(world, account, key, f"Answer {n}") for n in range(8)))

    assert sorted(row.status_code for row in answers) == [200] + [409] * 7
    assert (await world.db.call(text("SELECT count(*) AS n FROM receipts WHERE answer IS NOT NULL"))).n == 1


@pytest.mark.parametrize(("answered", "status"), [("", 400), ("x" * 2001, 400), ("\0", 400), ("+7 912 345-67-89", 422)])
async def test_empty_answer_is_refused(world: World, buying: Buying, answered, status):
    account = await world.account()
    key = await waiting(buying, account)

    response = await answer(world, account, key, answered)

    assert response.status_code == status


async def test_answer_before_review_is_a_conflict(world: World, buying: Buying):
    account, found, key = await world.account(), document(), uuid.uuid4()
    await buying.known(found)
    await buying.scan(account, found, key)

    response = await answer(world, account, key, "Quick!")

    assert (response.status_code, response.json()["code"]) == (409, "nothing_asked")


async def test_reviewers_see_photos_of_their_brands_receipts(world: World, buying: Buying):
    offer, account = await goods(world), await world.account()
    brand = await world.db.call(text("SELECT id FROM brands WHERE id = :id"), id=offer.programme.brand_id)
    found = document(line(name="Розетка какая-то Оптима"), line())
    key = uuid.uuid4()
    await buying.known(found)
    await scanned(world, account, photo(qr(found)), key)
    await buying.work()
    own, other = await world.staff(await world.brand_by_id(brand.id), role="reviewer"), await world.staff()
    row = await world.db.call(text("SELECT id FROM receipts"))

    seen = await own.get(f"/v1/console/receipts/{row.id}/photo")
    theirs = await other.get(f"/v1/console/receipts/{row.id}/photo")
    nothing = await own.get(f"/v1/console/receipts/{row.id + 1}/photo")

    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert seen.content == (await fetch_photo(world, account, key)).content
    assert [theirs.status_code, nothing.status_code] == [404, 404]


async def test_paying_brands_see_unverifiable_receipts(world: World, buying: Buying):
    offer, account = await goods(world), await world.account()
    key = await waiting(buying, account)
    await add(world, account, key, photo())
    brand: Brand = await world.brand_by_id(offer.programme.brand_id)
    row = await world.db.call(text("SELECT id FROM receipts"))
    path = f"/v1/console/receipts/{row.id}/photo"

    statuses = [
        (await (await world.staff(brand, role="reviewer")).get(path)).status_code,
        (await (await world.staff(brand, role="analyst")).get(path)).status_code,
        (await (await world.staff()).get(path)).status_code,
    ]

    assert statuses == [200, 403, 404]
