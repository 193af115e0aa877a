"""Tills and their tokens in the staff API."""

import pytest

from tests.make import World

TILL = "/v1/console/shops/main/tills/first"


@pytest.fixture
async def keeper(world: World):
    worker = await world.staff()
    await worker.put("/v1/console/shops/main", {"name": "Electrics"})
    return worker


async def is_authenticated(client, token):
    return (await client.get("/v1/till", headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_token_is_shown_once_and_authenticates(keeper, client):
    made = await keeper.put(TILL, {"needs_cashier": True})
    again = await keeper.put(TILL, {"needs_cashier": True})

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json() | {"token": made.json()["token"]}
    assert await is_authenticated(client, made.json()["token"])


async def test_till_gets_its_shop_and_allowed_actions(keeper, world, client):
    brand = await world.brand_of(keeper)
    token = (await keeper.put(TILL, {"needs_cashier": True})).json()["token"]

    home = (await client.get("/v1/till", headers={"Authorization": f"Bearer {token}"})).json()

    assert (home["till"], home["shop"]["name"], home["may"]) == ("first", "Electrics", ["quote", "reserve"])
    assert home["brands"] == [{"id": brand.id, "name": brand.name}]


async def test_changed_settings_do_not_change_the_token(keeper, client):
    token = (await keeper.put(TILL, {})).json()["token"]

    changed = await keeper.put(TILL, {"kind": "web", "origins": ["https://shop.example"]})

    assert changed.json() | {"kind": "web", "origins": ["https://shop.example"]} == changed.json()
    assert await is_authenticated(client, token)


async def test_token_of_pages_ends_with_their_origins(keeper, client):
    page = {"kind": "web", "origins": ["https://shop.example"]}
    old = (await keeper.put(TILL, page)).json()["token"]

    same = await keeper.put(TILL, page | {"origins": ["https://other.example"]})
    closed = await keeper.put(TILL, {"kind": "web"})

    assert (same.status_code, closed.status_code) == (200, 201)
    assert "token" not in same.json()
    assert [await is_authenticated(client, token) for token in (old, closed.json()["token"])] == [False, True]


async def test_new_token_replaces_the_old_one(keeper, client):
    old = (await keeper.put(TILL, {})).json()["token"]

    new = (await keeper.ask("POST", f"{TILL}/tokens")).json()["token"]

    assert not await is_authenticated(client, old)
    assert await is_authenticated(client, new)


async def test_till_switched_on_again_gets_another_token(keeper, client):
    old = (await keeper.put(TILL, {})).json()["token"]

    off = [(await keeper.delete(TILL)).status_code for _ in range(2)]
    refused = await keeper.ask("POST", f"{TILL}/tokens")
    was_open = await is_authenticated(client, old)
    back = await keeper.put(TILL, {})

    assert off == [204, 204]
    assert (refused.status_code, refused.json()["code"]) == (409, "till_off")
    assert not was_open
    assert back.status_code == 201
    assert [await is_authenticated(client, token) for token in (old, back.json()["token"])] == [False, True]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"origins": ["https://shop.example"]}, 422, "origins_for_web_only"),
        ({"kind": "web", "origins": ["https://shop.example/path"]}, 400, "validation_failed"),
        ({"kind": "web", "origins": ["http://shop.example"]}, 400, "validation_failed"),
        ({"kind": "web", "origins": ["*"]}, 400, "validation_failed"),
    ],
)
async def test_invalid_origins_are_refused(keeper, body, status, code):
    refused = await keeper.put(TILL, body)

    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_unknown_till_is_not_found(keeper):
    answers = [
        await keeper.delete("/v1/console/shops/main/tills/none"),
        await keeper.ask("POST", "/v1/console/shops/main/tills/none/tokens"),
        await keeper.delete("/v1/console/shops/main/cashiers/none"),
        await keeper.put("/v1/console/shops/none/tills/first", {}),
    ]

    codes = [answer.json()["code"] for answer in answers]

    assert codes == ["till_unknown", "till_unknown", "cashier_unknown", "shop_unknown"]


async def test_lists_are_sorted_by_key_without_secrets(keeper):
    for key in ("b", "a"):
        await keeper.put(f"/v1/console/shops/main/tills/{key}", {})
        await keeper.put(f"/v1/console/shops/main/cashiers/{key}", {"pin": "4071"})

    tills, cashiers = [await keeper.get(f"/v1/console/shops/main/{name}") for name in ("tills", "cashiers")]

    assert [row["key"] for row in tills.json()["items"]] == ["a", "b"]
    assert [(row["key"], row["has_pin"]) for row in cashiers.json()["items"]] == [("a", True), ("b", True)]
    assert "tl_" not in tills.text
    assert "4071" not in cashiers.text
