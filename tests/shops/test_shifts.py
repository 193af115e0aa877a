"""Shifts of cashiers, and guessing of PINs."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.make import World

SHOP = "/v1/console/shops/main"
PIN, OTHER = "4071", "9073"


@pytest.fixture
async def keeper(world: World):
    worker = await world.staff()
    await worker.put(SHOP, {"name": "Electrics"})
    await worker.put(f"{SHOP}/cashiers/anna", {"pin": PIN})
    return worker


async def till(keeper, key="first", **settings):
    token = (await keeper.put(f"{SHOP}/tills/{key}", settings)).json()["token"]
    return {"Authorization": f"Bearer {token}"}


async def begin(client, headers, cashier="anna", pin=PIN):
    body = {"cashier": cashier} | ({"pin": pin} if pin else {})
    return await client.put("/v1/till/shift", json=body, headers=headers)


async def home(client, headers):
    return (await client.get("/v1/till", headers=headers)).json()


async def test_cashier_signs_in_and_out(keeper, client):
    headers = await till(keeper, needs_cashier=True)
    before = await home(client, headers)

    begun = await begin(client, headers)
    during = await home(client, headers)
    left = [(await client.delete("/v1/till/shift", headers=headers)).status_code for _ in range(2)]

    assert begun.status_code == 200
    assert datetime.fromisoformat(begun.json()["ends_at"]) > datetime.now(UTC)
    assert [before["may"], during["may"]] == [["quote", "reserve"], ["quote", "reserve", "sell", "return"]]
    assert during["shift"] == begun.json()
    assert left == [204, 204]
    assert await home(client, headers) == before


@pytest.mark.parametrize(("cashier", "pin"), [("anna", OTHER), ("anna", None), ("boris", PIN), ("boris", None)])
async def test_wrong_cashier_or_pin_gets_the_same_response(keeper, client, cashier, pin):
    headers = await till(keeper)

    refused = await begin(client, headers, cashier, pin)

    assert (refused.status_code, refused.json()["code"]) == (403, "shift_refused")
    assert "shift" not in await home(client, headers)


async def test_cashier_without_required_pin_signs_in(keeper, client):
    await keeper.put(f"{SHOP}/cashiers/boris", {})
    easy, strict = await till(keeper), await till(keeper, "strict", needs_cashier=True)

    answers = [(await begin(client, headers, "boris", None)).status_code for headers in (easy, strict)]

    assert answers == [200, 403]


async def test_till_that_requires_pins_ends_shift_without_pin(keeper, client):
    await keeper.put(f"{SHOP}/cashiers/boris", {})
    headers = await till(keeper)
    await begin(client, headers, "boris", None)

    await keeper.put(f"{SHOP}/tills/first", {"needs_cashier": True})

    assert (await home(client, headers))["may"] == ["quote", "reserve"]


@pytest.mark.parametrize("ending", ["another pin", "no pin", "let go", "new token", "over"])
async def test_shift_ends_with_change(keeper, client, owner, ending):
    headers = await till(keeper)
    await begin(client, headers)

    if ending == "another pin":
        await keeper.put(f"{SHOP}/cashiers/anna", {"pin": OTHER})
    elif ending == "no pin":
        await keeper.put(f"{SHOP}/cashiers/anna", {})
    elif ending == "let go":
        await keeper.delete(f"{SHOP}/cashiers/anna")
    elif ending == "new token":
        token = (await keeper.ask("POST", f"{SHOP}/tills/first/tokens")).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
    else:
        await owner.rows(text("UPDATE tills SET shift_ends_at = now()"))

    assert "shift" not in await home(client, headers)


async def test_disabled_cashier_cannot_sign_in_until_enabled(keeper, client):
    headers = await till(keeper)
    await keeper.delete(f"{SHOP}/cashiers/anna")
    gone = await begin(client, headers)

    back = await keeper.put(f"{SHOP}/cashiers/anna", {"pin": PIN})

    assert gone.status_code == 403
    assert "disabled_at" not in back.json()
    assert (await begin(client, headers)).status_code == 200


async def test_wrong_pins_lock_only_their_till(keeper, client):
    headers, other = await till(keeper), await till(keeper, "second")

    guesses = [(await begin(client, headers, pin=f"{number:04}")) for number in range(7)]

    assert [answer.status_code for answer in guesses] == [403] * 5 + [429] * 2
    assert int(guesses[-1].headers["retry-after"]) >= 1
    assert (await begin(client, headers)).status_code == 429
    assert (await begin(client, other)).status_code == 200


async def test_pin_checks_per_till_are_limited(keeper, client):
    headers = await till(keeper)

    answers = [(await begin(client, headers)).status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]
