"""The PIN: setting it, guessing it, and what a flood of checks does to everybody else."""

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from tests.identity.accounts.owners import OTHER, PIN, end_hold, leave, put, set_fields, signed, with_pin
from tests.make import World


async def test_pin_is_required_once_set(world: World):
    account = await with_pin(world)

    without = await leave(world, account)
    wrong = await leave(world, account, OTHER)
    right = await leave(world, account, PIN)

    assert (without.status_code, without.json()["code"]) == (403, "pin_needed")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "pin_wrong")
    assert right.status_code == 204


async def test_home_screen_shows_whether_a_pin_is_set(world: World):
    account = await world.account()
    before = await world.home(account)
    await put(world, account, PIN)

    assert "has_pin" not in before
    assert (await world.home(account))["has_pin"] is True


async def test_pin_is_replaced_and_removed_with_the_old(world: World):
    account = await with_pin(world)

    assert (await put(world, account, OTHER)).json()["code"] == "pin_needed"
    assert (await put(world, account, OTHER, "0000")).json()["code"] == "pin_wrong"
    assert (await put(world, account, OTHER, PIN)).status_code == 204
    assert (await leave(world, account, PIN)).json()["code"] == "pin_wrong"
    assert (await put(world, account, None, OTHER)).status_code == 204
    assert "has_pin" not in await world.home(account)


async def test_setting_the_same_pin_is_idempotent(world: World):
    account = await with_pin(world)

    again = await put(world, account, PIN)
    replaced = [await put(world, account, OTHER, PIN) for _ in range(2)]
    removed = [await put(world, account, None, OTHER) for _ in range(2)]

    assert [answer.status_code for answer in (again, *replaced, *removed)] == [204] * 5
    assert (await world.db.call(text("SELECT pin_failures FROM accounts"))).pin_failures == 0


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "١٢٣٤", " 1234"])
async def test_pin_has_four_to_six_digits(world: World, pin: str):
    response = await put(world, await world.account(), pin)

    assert response.status_code == 400


async def test_pin_is_stored_as_a_hash(world: World, owner: Database):
    await with_pin(world)

    row = await owner.call(text("SELECT pin_hash FROM accounts"))

    assert row.pin_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PIN not in row.pin_hash


async def test_wrong_pins_have_growing_waits(world: World):
    account = await with_pin(world)
    free = [(await leave(world, account, OTHER)).json()["code"] for _ in range(5)]

    waits = []
    for _ in range(5):
        refused = await leave(world, account, OTHER)
        waits.append((refused.status_code, int(refused.headers["retry-after"])))
        await set_fields(world.db, "UPDATE accounts SET pin_wait_until = now(); ")
        await set_fields(world.db, "DELETE FROM counters")
        assert (await leave(world, account, OTHER)).json()["code"] == "pin_wrong"

    assert free == ["pin_wrong"] * 5
    assert [status for status, _ in waits] == [429] * 5
    expected = [60, 300, 1800, 36000, 36000]
    assert all(abs(wait - due) <= 2 for (_, wait), due in zip(waits, expected, strict=True))


async def test_right_pin_after_the_wait_resets_failures(world: World):
    account = await with_pin(world)
    for _ in range(5):
        await leave(world, account, OTHER)

    early = await put(world, account, OTHER, PIN)
    await set_fields(world.db, "UPDATE accounts SET pin_wait_until = now() - interval '1 second'")
    late = await put(world, account, OTHER, PIN)

    assert (early.status_code, late.status_code) == (429, 204)
    row = await world.db.call(text("SELECT pin_failures, pin_wait_until FROM accounts"))
    assert row == (0, None)


async def test_ten_wrong_pins_block_until_recovery(world: World):
    account = await with_pin(world)
    await set_fields(world.db, "UPDATE accounts SET pin_failures = 10")

    blocked = await leave(world, account, PIN)
    back = (await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})).json()
    await end_hold(world.db)
    body = {"pin": OTHER, "recovery_code": back["recovery_code"]}
    answer = await world.client.put("/v1/me/pin", json=body, headers=signed(back["token"]))

    assert (blocked.status_code, blocked.json()["code"]) == (403, "pin_blocked")
    assert answer.status_code == 204
    row = await world.db.call(text("SELECT pin_failures, pin_wait_until FROM accounts"))
    assert row == (0, None)
