"""Passkeys: making one, and coming back with it."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.identity.accounts.authenticator import Authenticator, base64url, unbase64url
from tests.identity.accounts.ceremonies import (
    come_back,
    offer,
    offer_new,
    registered,
    send_new,
    shown,
)
from tests.make import World, bearer


async def test_passkey_is_created_and_listed(world: World):
    account = await world.account()

    await registered(world, account)

    (kept,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]
    assert sorted(kept) == ["created_at", "id"]


async def test_creation_options_require_verified_discoverable_keys(world: World):
    account = await world.account()

    options = await offer_new(world, account)

    assert options["rp"] == {"id": "scanback.test", "name": "Scanback"}
    assert options["user"]["name"] == account.card_number
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert len(unbase64url(options["challenge"])) == 32
    assert len(unbase64url(options["user"]["id"])) == 32


async def test_creation_options_exclude_registered_passkeys(world: World):
    account = await world.account()
    phone = await registered(world, account)

    options = await offer_new(world, account)

    assert [row["id"] for row in options["excludeCredentials"]] == [base64url(phone.credential_id)]


async def test_sign_in_options_name_no_account(world: World):
    await registered(world, await world.account())

    options = await offer(world)

    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert options["rpId"] == "scanback.test"


async def test_passkey_recovers_its_account(world: World):
    (code, *_) = await world.codes()
    account = await world.account()
    await world.scan(account, code)
    phone = await registered(world, account)

    response = await come_back(world, phone.get(await offer(world)))

    assert response.status_code == 201
    back = response.json()
    assert sorted(back) == ["card_number", "recovery_code", "spending_held_until", "token"]
    until = datetime.fromisoformat(back["spending_held_until"])
    assert abs(until - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)
    home = (await world.client.get("/v1/me", headers={"Authorization": f"Bearer {back['token']}"})).json()
    assert home["wallets"][0]["available"] == 100
    by_code = await world.client.post("/v1/sessions", json={"recovery_code": back["recovery_code"]})
    assert by_code.status_code == 201


async def test_passkey_can_be_used_repeatedly(world: World):
    phone = await registered(world, await world.account())

    answers = [await come_back(world, phone.get(await offer(world))) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201] * 3


async def test_passkey_without_sign_count_is_accepted(world: World):
    phone = await registered(world, await world.account())
    answers = []
    for _ in range(2):
        phone.sign_count = -1  # `get` adds one: such keys say 0 each time
        answers.append(await come_back(world, phone.get(await offer(world))))

    assert [answer.status_code for answer in answers] == [201] * 2


async def test_repeated_registration_returns_the_first_passkey(world: World):
    account = await world.account()
    credential = Authenticator().create(await offer_new(world, account))

    first, second = [await send_new(world, account, credential) for _ in range(2)]

    assert first.json() == second.json()
    assert len((await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]) == 1


async def test_concurrent_registrations_create_one_passkey(world: World):
    account = await world.account()
    credential = Authenticator().create(await offer_new(world, account))

    answers = await asyncio.gather(*(send_new(world, account, credential) for _ in range(16)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_passkey_of_another_account_is_refused(world: World):
    account, thief = await world.account(), await world.account()
    phone = await registered(world, account)

    response = await send_new(world, thief, phone.create(await offer_new(world, thief)))

    assert response.status_code == 409
    assert response.json()["code"] == "passkey_taken"


async def test_passkeys_per_account_are_limited(world: World, number):
    number("passkeys_per_account", 2)
    account = await world.account()
    for _ in range(2):
        await registered(world, account)

    response = await send_new(world, account, Authenticator().create(await offer_new(world, account)))

    assert (response.status_code, response.json()["code"]) == (409, "passkeys_full")


async def test_ended_passkey_is_refused(world: World):
    account = await world.account()
    phone = await registered(world, account)
    (kept,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]

    headers = bearer(account) | shown(account)
    ended = [await world.client.delete(f"/v1/passkeys/{kept['id']}", headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in ended] == [204, 204]
    assert (await come_back(world, phone.get(await offer(world)))).status_code == 401
    assert (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"] == []


async def test_passkey_of_another_account_cannot_be_ended(world: World):
    account, other = await world.account(), await world.account()
    phone = await registered(world, account)
    (kept,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]

    response = await world.client.delete(f"/v1/passkeys/{kept['id']}", headers=bearer(other))

    assert (response.status_code, response.json()["code"]) == (404, "passkey_unknown")
    assert (await come_back(world, phone.get(await offer(world)))).status_code == 201
