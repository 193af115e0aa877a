"""Wallets and movements, page by page."""

import asyncio
import base64

import pytest
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id, earn, programme, wallet


async def page(world: World, account: AccountCreated, path: str, **query: object) -> dict:
    response = await world.client.get(path, params=query, headers=bearer(account))
    assert response.status_code == 200, response.text
    return response.json()


async def walk(world: World, account: AccountCreated, path: str, limit: int) -> list[dict]:
    """All items of a list, page by page."""
    found, following = [], {}
    while True:
        answer = await page(world, account, path, limit=limit, **following)
        found += answer["items"]
        if "next" not in answer:
            return found
        assert len(answer["items"]) == limit
        following = {"cursor": answer["next"]}


@pytest.mark.parametrize("limit", [1, 7, 10, 23, 100])
async def test_cursor_visits_each_movement_once(world: World, limit: int):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    for number in range(23):
        await earn(world, owner, made, number + 1)
    path = f"/v1/wallets/{(await wallet(world, owner, made)).id}/movements"

    found = await walk(world, account, path, limit)

    assert [row["amount"] for row in found] == list(range(23, 0, -1))


async def test_cursor_is_stable_under_new_movements(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    for number in range(20):
        await earn(world, owner, made, number + 1)
    path = f"/v1/wallets/{(await wallet(world, owner, made)).id}/movements"
    first = await page(world, account, path, limit=8)
    for _ in range(5):
        await earn(world, owner, made, 1000)

    second = await page(world, account, path, limit=8, cursor=first["next"])
    third = await page(world, account, path, limit=8, cursor=second["next"])

    seen = [row["amount"] for answer in (first, second, third) for row in answer["items"]]
    assert seen == list(range(20, 0, -1))
    assert "next" not in third


async def test_movement_shows_places_balances_and_text(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made, 250, waits_days=3)
    path = f"/v1/wallets/{(await wallet(world, owner, made)).id}/movements"

    (row,) = (await page(world, account, path))["items"]

    assert (row["kind"], row["from_place"], row["to_place"]) == ("earn", "funding", "pending")
    assert (row["amount"], row["pending_after"], row["currency"]) == (250, 250, "PTS")
    assert row["explanation"]["rule"] == "Autumn"
    assert row["explanation"]["version"] == 1
    assert row["explanation"]["available_on"]


async def test_balances_follow_from_previous_movement(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    for amount in (5, 7, 11):
        await earn(world, owner, made, amount)
    path = f"/v1/wallets/{(await wallet(world, owner, made)).id}/movements"

    rows = (await page(world, account, path))["items"][::-1]

    assert [row["available_after"] for row in rows] == [5, 12, 23]


async def test_wallet_of_another_account_is_not_found(world: World):
    account, other = await world.account(), await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made)
    number = (await wallet(world, owner, made)).id

    theirs = await world.client.get(f"/v1/wallets/{number}/movements", headers=bearer(other))
    unused = await world.client.get(f"/v1/wallets/{number + 1000}/movements", headers=bearer(other))

    assert theirs.status_code == unused.status_code == 404
    bodies = [answer.json() | {"request_id": ""} for answer in (theirs, unused)]
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "wallet_unknown"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "я",
        "null",
        encoded("[]"),
        encoded("[-1]"),
        encoded('["1"]'),
        encoded("[1,2]"),
        encoded("[1.5]"),
        encoded("[true]"),
        encoded(f"[{2**63}]"),
        encoded("{}"),
        encoded("[1] "),
        "W!zE3XQ",
        "A" * 64,
    ],
)
@pytest.mark.parametrize("path", ["/v1/wallets", "/v1/wallets/{}/movements"])
async def test_unknown_cursor_is_refused(world: World, path: str, cursor: str):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made)
    path = path.format((await wallet(world, owner, made)).id)

    response = await world.client.get(path, params={"cursor": cursor}, headers=bearer(account))

    assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", ""])
async def test_limit_out_of_range_is_refused(world: World, limit: str):
    response = await world.client.get(f"/v1/wallets?limit={limit}", headers=bearer(await world.account()))

    assert response.status_code == 400


async def test_wallets_are_paginated(world: World):
    account = await world.account()
    owner = await account_id(world, account)
    made = [await programme(world) for _ in range(7)]
    for row in made:
        await earn(world, owner, row)

    found = await walk(world, account, "/v1/wallets", 3)

    assert [row["programme_id"] for row in found] == [row.id for row in made]


async def test_pending_of_one_wallet_does_not_hide_another(world: World):
    account = await world.account()
    owner = await account_id(world, account)
    made = [await programme(world) for _ in range(2)]
    for days in range(1, 26):
        await earn(world, owner, made[0], 1, waits_days=days)
    await earn(world, owner, made[1], 1, waits_days=40)

    first, second = (await page(world, account, "/v1/wallets"))["items"]

    assert (len(first["waiting"]), len(second["waiting"])) == (25, 1)


async def test_concurrent_reads_mature_wallet_once(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made, 300, waits_days=3)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE lots SET matures_on = current_date - 2"))
        await session.execute(text("UPDATE wallets SET due_on = current_date - 2"))

    homes = await asyncio.gather(*(world.home(account) for _ in range(16)))

    assert {home["wallets"][0]["available"] for home in homes} == {300}
    assert (await wallet(world, owner, made)).seq == 2
