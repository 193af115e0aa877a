"""Shops of brands: those they manage, and links with those of others."""

import pytest

from tests.make import World

SHOP = {"name": "Electrics", "city": "Perm", "address": "Mira 12", "timezone": "Asia/Yekaterinburg"}
MAIN = "/v1/console/shops/main"


@pytest.fixture
async def keeper(world: World):
    return await world.staff()


@pytest.fixture
async def guest(world: World):
    return await world.staff()


async def test_shop_is_created_under_a_chosen_key(keeper):
    made = await keeper.put(MAIN, SHOP)

    created = made.json()
    assert made.status_code == 200
    assert created | SHOP == created
    assert (created["keeper"], len(created["number"])) == (True, 10)
    assert (await keeper.put(MAIN, SHOP)).json() == created
    assert (await keeper.put(MAIN, SHOP | {"number": created["number"]})).json() == created
    assert (await keeper.get(MAIN)).json() == created


async def test_omitted_fields_become_empty(keeper):
    await keeper.put(MAIN, SHOP)

    changed = await keeper.put(MAIN, {"name": "Electrics"})

    assert "city" not in changed.json()
    assert changed.json()["timezone"] == "Europe/Moscow"


async def test_change_with_outdated_etag_is_refused(keeper):
    tag = (await keeper.put(MAIN, SHOP)).headers["etag"]
    await keeper.put(MAIN, SHOP | {"name": "Other"})

    refused = await keeper.put(MAIN, SHOP, headers={"If-Match": tag})

    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")


async def test_linked_shop_cannot_be_changed_by_other_brand(keeper, guest):
    number = (await keeper.put(MAIN, SHOP)).json()["number"]

    linked = await guest.put("/v1/console/shops/theirs", {"number": number})
    changed = await guest.put("/v1/console/shops/theirs", SHOP | {"name": "Mine now"})
    till = await guest.put("/v1/console/shops/theirs/tills/first", {})

    assert linked.json() | SHOP == linked.json()
    assert linked.json()["keeper"] is False
    assert [(answer.status_code, answer.json()["code"]) for answer in (changed, till)] == [(403, "keeper_only")] * 2
    assert (await keeper.get(MAIN)).json()["name"] == SHOP["name"]


async def test_ended_link_may_be_requested_again(keeper, guest):
    number = (await keeper.put(MAIN, SHOP)).json()["number"]
    await guest.put("/v1/console/shops/theirs", {"number": number})

    left = [await guest.delete("/v1/console/shops/theirs") for _ in range(2)]
    after = (await guest.get("/v1/console/shops/theirs")).json()
    back = await guest.put("/v1/console/shops/theirs", {"number": number})

    assert [answer.status_code for answer in left] == [204, 204]
    assert "ended_at" in after
    assert "ended_at" not in back.json()
    assert back.json()["pending"]


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        ("new", {}, 422, "shop_name_missing"),
        ("new", {"name": "x", "timezone": "Europe"}, 422, "timezone_unknown"),
        ("new", {"number": "0000000000"}, 404, "shop_number_unknown"),
        ("new", {"number": "12"}, 400, "validation_failed"),
        ("main", {"name": "x", "number": "0000000000"}, 409, "shop_fixed"),
    ],
)
async def test_invalid_shop_is_refused(keeper, key, body, status, code):
    await keeper.put(MAIN, SHOP)

    refused = await keeper.put(f"/v1/console/shops/{key}", body)

    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_shop_has_one_key_per_brand(keeper):
    number = (await keeper.put(MAIN, SHOP)).json()["number"]

    refused = await keeper.put("/v1/console/shops/second", {"number": number})

    assert (refused.status_code, refused.json()["code"]) == (409, "shop_linked")


async def test_shop_list_is_sorted_by_key(keeper, guest):
    for key in ("c", "a", "b"):
        await keeper.put(f"/v1/console/shops/{key}", SHOP)

    first = (await keeper.get("/v1/console/shops", params={"limit": 2})).json()
    rest = (await keeper.get("/v1/console/shops", params={"cursor": first["next"]})).json()

    assert [row["key"] for row in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert "next" not in rest
    assert (await guest.get("/v1/console/shops")).json()["items"] == []
