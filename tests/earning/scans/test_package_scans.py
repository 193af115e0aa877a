"""Scanning package codes over HTTP."""

import uuid

from tests.make import World, bearer


async def test_scanned_code_is_credited(world: World):
    (code, *_) = await world.codes()
    account = await world.account()

    response = await world.scan(account, code)

    assert response.status_code == 200
    answer = response.json()
    assert (answer["kind"], answer["status"], answer["amount"], answer["currency"]) == (
        "package",
        "credited",
        100,
        "PTS",
    )
    assert answer["explanation"]["text"] == "Autumn: 100 points."
    assert len(response.content) < 500
    home = await world.home(account)
    assert [wallet["available"] for wallet in home["wallets"]] == [100]


async def test_repeated_scan_gets_first_response(world: World):
    (code, *_) = await world.codes()
    account, scan_id = await world.account(), uuid.uuid4()

    first = await world.scan(account, code, scan_id)
    second = await world.scan(account, code, scan_id)

    assert second.json() == first.json()
    assert (await world.home(account))["wallets"][0]["available"] == 100


async def test_repeated_id_with_another_text_is_refused(world: World):
    (code, other, *_) = await world.codes()
    account, scan_id = await world.account(), uuid.uuid4()
    await world.scan(account, code, scan_id)

    response = await world.scan(account, other, scan_id)

    assert response.status_code == 422
    assert response.json()["code"] == "body_changed"


async def test_batch_of_one_with_changed_body_is_refused(world: World):
    (code, other, *_) = await world.codes()
    account, scan_id = await world.account(), uuid.uuid4()
    await world.scan(account, code, scan_id)

    queue = {"scans": [{"id": str(scan_id), "text": other}]}
    response = await world.client.post("/v1/scans/batch", json=queue, headers=bearer(account))

    assert response.status_code == 200
    (item,) = response.json()["items"]
    assert (item["status"], item["reason"]) == ("refused", "body_changed")


async def test_same_code_under_new_id_is_repeated(world: World):
    (code, *_) = await world.codes()
    account = await world.account()
    await world.scan(account, code)

    answer = (await world.scan(account, code)).json()

    assert (answer["status"], answer["amount"]) == ("repeated", 100)


async def test_code_claimed_by_another_is_refused(world: World):
    (code, *_) = await world.codes()
    await world.scan(await world.account(), code)

    answer = (await world.scan(await world.account(), code)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "already_claimed")
    assert "amount" not in answer


async def test_repeated_batch_gets_same_responses(world: World):
    codes = await world.codes(5)
    account = await world.account()
    queue = {"scans": [{"id": str(uuid.uuid4()), "text": code} for code in codes]}

    first = await world.client.post("/v1/scans/batch", json=queue, headers=bearer(account))
    queue["scans"].reverse()
    second = await world.client.post("/v1/scans/batch", json=queue, headers=bearer(account))

    assert [item["status"] for item in first.json()["items"]] == ["credited"] * 5
    assert second.json()["items"] == first.json()["items"][::-1]
    assert (await world.home(account))["wallets"][0]["available"] == 500
