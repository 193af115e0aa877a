"""What a stolen token can do, and what it cannot: docs/decisions/0008, step by step."""

import asyncio
import time
import uuid

import pytest
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from tests.identity.accounts.authenticator import Authenticator
from tests.identity.accounts.ceremonies import come_back as by_passkey
from tests.identity.accounts.ceremonies import offer, offer_new, registered, send_new, shown
from tests.identity.accounts.owners import OTHER, PIN, come_back, end_hold, leave, put, set_fields, signed
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario

SHOWN_PIN = {"Scanback-Pin": PIN}
HOLD_ENDS_SOON = "UPDATE {0} SET {1} = now() + interval '1 second' WHERE {1} IS NOT NULL"


async def with_confirmed_pin(world: World) -> AccountCreated:
    account = await world.account()
    body = {"pin": PIN, "recovery_code": account.recovery_code}
    answer = await world.client.put("/v1/me/pin", json=body, headers=bearer(account))
    assert answer.status_code == 204
    return account


async def with_purchase(world: World) -> tuple[AccountCreated, str, dict]:
    """An owner with a PIN who has bought a certificate; the order's path, and its body."""
    shop, account = await spending_scenario(world), await with_confirmed_pin(world)
    await shop.earn(account, 5000)
    offer = await shop.offer("own", least=1000, most=2000)
    path, body = f"/v1/orders/{uuid.uuid4()}", {"offer_id": offer.id, "nominal": 1000}
    placed = await world.client.put(path, json=body, headers=bearer(account) | SHOWN_PIN)
    assert placed.json()["code"]
    return account, path, body


async def add_passkey(world: World, account: AccountCreated, token: str, **proof: str):
    """Add a passkey with a token and what else is shown."""
    options = (await world.client.post("/v1/passkeys/challenges", headers=signed(token))).json()["options"]
    return await world.client.post("/v1/passkeys", json=Authenticator().create(options), headers=signed(token) | proof)


async def recovered(world: World, account: AccountCreated) -> dict:
    answer = await come_back(world.client, account.recovery_code)
    assert answer.status_code == 201
    return answer.json()


async def object_to(world: World, token: str, **proof: str):
    return await world.client.delete("/v1/me/recovery", headers=signed(token) | proof)


def code_of(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_passkey_with_only_token_is_refused(world: World):
    account = await world.account()
    credential = Authenticator().create(await offer_new(world, account))

    response = await world.client.post("/v1/passkeys", json=credential, headers=bearer(account))

    assert code_of(response) == (403, "recovery_code_needed")
    assert (await send_new(world, account, credential)).status_code == 201


async def test_passkey_without_the_pin_is_refused(world: World):
    account = await with_confirmed_pin(world)

    refused = [
        code_of(await add_passkey(world, account, account.token, **proof))
        for proof in ({}, {"Scanback-Pin": OTHER}, shown(account))
    ]

    assert refused == [(403, "pin_needed"), (403, "pin_wrong"), (403, "pin_needed")]
    assert (await add_passkey(world, account, account.token, **SHOWN_PIN)).status_code == 201


async def test_passkey_removal_with_only_token_is_refused(world: World):
    account = await world.account()
    phone = await registered(world, account)
    (kept,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]

    response = await world.client.delete(f"/v1/passkeys/{kept['id']}", headers=bearer(account))

    assert code_of(response) == (403, "recovery_code_needed")
    assert (await by_passkey(world, phone.get(await offer(world)))).status_code == 201


async def test_pin_set_by_only_token_is_no_proof(world: World):
    account = await world.account()
    assert (await put(world, account, PIN)).status_code == 204

    response = await add_passkey(world, account, account.token, **SHOWN_PIN)

    assert code_of(response) == (403, "recovery_code_needed")
    assert (await leave(world, account)).json()["code"] == "pin_needed"


async def test_pin_confirmed_by_recovery_code_is_proof(world: World):
    account = await world.account()
    await put(world, account, PIN)

    first = await add_passkey(world, account, account.token, **SHOWN_PIN, **shown(account))
    second = await add_passkey(world, account, account.token, **SHOWN_PIN)

    assert (first.status_code, second.status_code) == (201, 201)


async def test_pin_of_an_old_installation_counts_as_proof(world: World):
    account = await world.account()
    await put(world, account, PIN)
    async with world.db.begin() as session:  # as the migration leaves accounts that were there
        await session.execute(text("UPDATE accounts SET pin_is_confirmed = DEFAULT"))

    response = await add_passkey(world, account, account.token, **SHOWN_PIN)

    assert response.status_code == 201


async def test_wrong_recovery_code_proves_nothing(world: World):
    account, other = await world.account(), await world.account()

    response = await add_passkey(world, account, account.token, **shown(other))

    assert code_of(response) == (403, "recovery_code_wrong")


async def test_recovery_code_with_only_token_is_refused(world: World):
    account = await world.account()

    response = await world.client.post("/v1/me/recovery-code", headers=bearer(account))

    assert code_of(response) == (403, "recovery_code_needed")


async def test_new_recovery_code_replaces_old_at_next_request(world: World):
    account = await world.account()

    fresh = (await world.client.post("/v1/me/recovery-code", headers=bearer(account) | shown(account))).json()
    await world.home(account)

    assert (await come_back(world.client, account.recovery_code)).status_code == 401
    assert (await come_back(world.client, fresh["recovery_code"])).status_code == 201


@pytest.mark.parametrize("way", ["recovery code", "passkey"])
async def test_recovery_preserves_pin_and_hides_purchases(world: World, way):
    account, path, body = await with_purchase(world)
    phone = await registered(world, account, **SHOWN_PIN)

    if way == "passkey":
        thief = (await by_passkey(world, phone.get(await offer(world)))).json()
    else:
        thief = await recovered(world, account)

    headers = signed(thief["token"]) | SHOWN_PIN
    home = (await world.client.get("/v1/me", headers=headers)).json()
    shown_again = (await world.client.put(path, json=body, headers=headers)).json()
    listed = (await world.client.get("/v1/orders", headers=headers)).text
    export = (await world.client.get("/v1/me/export", headers=headers)).text
    assert home["has_pin"] is True
    assert code_of(await world.client.post(f"{path}/reveal", headers=headers)) == (403, "account_held")
    assert "code" not in shown_again
    assert shown_again["has_code"] is True
    assert '"code"' not in listed
    assert '"code":"' not in export.partition('"orders":')[2]
    notes = await world.db.call(text("SELECT count(*) FROM reveals"))
    assert notes[0] == 1  # the owner's own


async def test_purchases_are_visible_after_the_hold(world: World):
    account, path, body = await with_purchase(world)
    back = await recovered(world, account)
    await end_hold(world.db)

    revealed = await world.client.post(f"{path}/reveal", headers=signed(back["token"]) | SHOWN_PIN)
    repeated = await world.client.put(path, json=body, headers=signed(back["token"]) | SHOWN_PIN)

    assert revealed.json()["code"] == repeated.json()["code"]


async def test_credentials_during_the_hold_cannot_change(world: World):
    account = await world.account()
    thief = await recovered(world, account)
    headers = signed(thief["token"])
    code = {"Scanback-Recovery-Code": thief["recovery_code"]}
    (device, *_) = [
        row["id"]
        for row in (await world.client.get("/v1/devices", headers=headers)).json()["items"]
        if "current" not in row
    ]

    answers = [
        await add_passkey(world, account, thief["token"], **code),
        await add_passkey(world, account, thief["token"], **shown(account)),
        await world.client.delete(f"/v1/devices/{device}", headers=headers | shown(account)),
        await world.client.put("/v1/me/pin", json={"pin": PIN}, headers=headers),
        await world.client.put("/v1/me/pin", json={"pin": PIN} | shown_in_body(account), headers=headers),
        await world.client.post("/v1/me/recovery-code", headers=headers | shown(account)),
        await world.client.delete("/v1/me", headers=headers),
        await object_to(world, thief["token"], **shown(account)),
    ]

    assert [code_of(answer) for answer in answers] == [(403, "account_held")] * len(answers)


def shown_in_body(account: AccountCreated) -> dict[str, str]:
    return {"recovery_code": account.recovery_code}


async def test_recovery_undone_with_pin_restores_account(world: World):
    account, path, _ = await with_purchase(world)
    thief = await recovered(world, account)
    under_way = (await world.client.get("/v1/me/recovery", headers=bearer(account))).json()

    refused = await object_to(world, account.token)
    done = await object_to(world, account.token, **SHOWN_PIN)

    assert under_way["device_name"] == "New phone"
    assert code_of(refused) == (403, "pin_needed")
    assert done.status_code == 204
    assert (await world.client.get("/v1/me", headers=signed(thief["token"]))).status_code == 401
    assert (await come_back(world.client, thief["recovery_code"])).status_code == 401
    assert "spending_held_until" not in await world.home(account)
    revealed = await world.client.post(f"{path}/reveal", headers=bearer(account) | SHOWN_PIN)
    assert revealed.json()["code"]
    assert (await world.client.get("/v1/me/recovery", headers=bearer(account))).status_code == 404
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    assert "ends_at" not in device


async def test_recovery_without_pin_is_undone_by_code(world: World):
    account = await world.account()
    thief = await recovered(world, account)

    answers = [
        await object_to(world, account.token),
        await object_to(world, account.token, **{"Scanback-Recovery-Code": thief["recovery_code"]}),
        await object_to(world, account.token, **shown(account)),
        await object_to(world, account.token, **shown(account)),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 204, 204]
    assert (await world.client.get("/v1/me", headers=signed(thief["token"]))).status_code == 401


async def test_old_recovery_code_undoes_a_recovery(world: World):
    account = await world.account()
    thief = await recovered(world, account)
    await world.client.get("/v1/me", headers=signed(thief["token"]))

    owner = await recovered(world, account)

    assert (await world.client.get("/v1/me", headers=signed(thief["token"]))).status_code == 401
    assert (await world.client.get("/v1/me", headers=signed(owner["token"]))).status_code == 200
    assert (await come_back(world.client, thief["recovery_code"])).status_code == 401


async def test_stolen_token_cannot_undo_the_owners_return(world: World):
    account = await with_confirmed_pin(world)
    owner = await recovered(world, account)

    answers = [
        await object_to(world, account.token),
        await object_to(world, account.token, **{"Scanback-Pin": OTHER}),
        await object_to(world, account.token, **shown(account)),
    ]

    assert [code_of(answer) for answer in answers] == [(403, "pin_needed"), (403, "pin_wrong"), (403, "pin_needed")]
    assert (await world.client.get("/v1/me", headers=signed(owner["token"]))).status_code == 200
    await end_hold(world.db)
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 401


async def test_forgotten_pin_is_replaced_after_the_hold(world: World):
    account = await with_confirmed_pin(world)
    back = await recovered(world, account)
    body, headers = {"pin": OTHER, "recovery_code": back["recovery_code"]}, signed(back["token"])

    early = await world.client.put("/v1/me/pin", json=body, headers=headers)
    await end_hold(world.db)
    await world.client.get("/v1/me", headers=headers)
    late = await world.client.put("/v1/me/pin", json=body, headers=headers)

    assert (early.status_code, late.status_code) == (403, 204)
    answer = await add_passkey(world, account, back["token"], **{"Scanback-Pin": OTHER})
    assert answer.status_code == 201


async def test_forgotten_pin_on_old_device_is_not_replaced(world: World):
    account = await with_confirmed_pin(world)
    body = {"pin": OTHER, "recovery_code": account.recovery_code}

    response = await world.client.put("/v1/me/pin", json=body, headers=bearer(account))

    assert response.status_code == 403


async def test_recovery_undone_after_the_hold_changes_nothing(world: World, app):
    account = await with_confirmed_pin(world)
    back = await recovered(world, account)
    await set_fields(world.db, HOLD_ENDS_SOON.format("accounts", "spending_held_until"))
    await set_fields(world.db, HOLD_ENDS_SOON.format("devices", "held_until"))
    app.state["passwords"].pools[0].submit(time.sleep, 2.5)

    late = asyncio.create_task(object_to(world, account.token, **SHOWN_PIN))
    await asyncio.sleep(1.5)
    confirmed = await world.client.get("/v1/me", headers=signed(back["token"]))
    await late

    assert confirmed.status_code == 200
    assert (await world.client.get("/v1/me", headers=signed(back["token"]))).status_code == 200


async def test_concurrent_recoveries_and_undos_leave_access(world: World):
    account = await with_confirmed_pin(world)
    for _ in range(5):
        await asyncio.gather(
            *(come_back(world.client, account.recovery_code) for _ in range(3)),
            *(object_to(world, account.token, **SHOWN_PIN) for _ in range(2)),
        )
        await world.db.rows(text("DELETE FROM counters"))

        assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 200
        assert (await come_back(world.client, account.recovery_code)).status_code == 201


async def old_passkey(world: World, account: AccountCreated) -> Authenticator:
    phone = await registered(world, account)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE passkeys SET created_at = now() - interval '2 days'"))
    return phone


async def sign_in_again(world: World, phone: Authenticator, device_token: str) -> dict:
    body = {"passkey": phone.get(await offer(world)), "device_token": device_token}
    answer = await world.client.post("/v1/sessions", json=body)
    assert answer.status_code == 201
    return answer.json()


async def test_known_passkey_on_expired_device_signs_in(world: World):
    account = await world.account()
    phone = await old_passkey(world, account)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE devices SET expires_at = now() - interval '1 day'"))

    back = await sign_in_again(world, phone, account.token)

    assert sorted(back) == ["card_number", "token"]
    home = (await world.client.get("/v1/me", headers=signed(back["token"]))).json()
    assert "spending_held_until" not in home
    assert (await come_back(world.client, account.recovery_code)).status_code == 201


async def test_old_passkey_after_signing_out_is_no_recovery(world: World):
    account = await world.account()
    phone = await old_passkey(world, account)
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(account))

    back = await sign_in_again(world, phone, account.token)

    assert "spending_held_until" not in back


@pytest.mark.parametrize("case", ["young passkey", "no token", "another account's token", "undone device"])
async def test_passkey_without_a_known_device_is_a_recovery(world: World, case):
    account = await world.account()
    phone = await (registered if case == "young passkey" else old_passkey)(world, account)
    token = account.token
    if case == "no token":
        token = ""
    elif case == "another account's token":
        token = (await world.account()).token
    elif case == "undone device":
        token = (await recovered(world, account))["token"]
        await object_to(world, account.token, **shown(account))

    back = await sign_in_again(world, phone, token)

    assert back["recovery_code"]
    assert back["spending_held_until"]
