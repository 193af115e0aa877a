"""A second device, added from the first."""

import asyncio

import pytest
from sqlalchemy import text

from backend.identity.accounts.schemas import AccountCreated
from tests.identity.accounts.ceremonies import shown
from tests.identity.accounts.owners import PIN, come_back, signed
from tests.make import World, bearer


async def invite(world: World, account: AccountCreated, **proof: str):
    return await world.client.post("/v1/devices/invitations", headers=bearer(account) | (proof or shown(account)))


async def present(world: World, secret: str, name: str = "Tablet"):
    return await world.client.post("/v1/devices/pending", json={"secret": secret, "device_name": name})


async def confirm(world: World, account: AccountCreated, invitation: dict, number: str):
    path = f"/v1/devices/invitations/{invitation['id']}/confirmation"
    return await world.client.put(path, json={"check_number": number}, headers=bearer(account))


async def presented(world: World, account: AccountCreated) -> tuple[dict, dict]:
    invitation = (await invite(world, account)).json()
    return invitation, (await present(world, invitation["secret"])).json()


async def second_device(world: World, account: AccountCreated) -> dict:
    invitation, pending = await presented(world, account)
    assert (await confirm(world, account, invitation, pending["check_number"])).status_code == 200
    return pending


async def status(world: World, token: str) -> str:
    return (await world.client.get("/v1/devices/pending", headers=signed(token))).json()["status"]


def wrong(number: str) -> str:
    return f"{(int(number) + 1) % 10_000:04}"


async def test_second_device_is_in_without_any_hold(world: World):
    account = await world.account()
    invitation, pending = await presented(world, account)
    seen = (await world.client.get(f"/v1/devices/invitations/{invitation['id']}", headers=bearer(account))).json()
    before = await world.client.get("/v1/me", headers=signed(pending["token"])), await status(world, pending["token"])

    confirmed = await confirm(world, account, invitation, pending["check_number"])

    assert (seen["status"], seen["device_name"]) == ("presented", "Tablet")
    assert (before[0].status_code, before[1]) == (401, "presented")
    assert confirmed.json()["name"] == "Tablet"
    assert await status(world, pending["token"]) == "confirmed"
    home = (await world.client.get("/v1/me", headers=signed(pending["token"]))).json()
    assert home["card_number"] == account.card_number
    assert "spending_held_until" not in home
    devices = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    assert [(device["name"], "current" in device) for device in devices] == [("Tablet", False), ("", True)]
    assert (await come_back(world.client, account.recovery_code)).status_code == 201


async def test_invitation_with_only_token_is_refused(world: World):
    account = await world.account()

    response = await world.client.post("/v1/devices/invitations", headers=bearer(account))

    assert (response.status_code, response.json()["code"]) == (403, "recovery_code_needed")


async def test_invitation_with_the_pin_is_made(world: World):
    account = await world.account()
    body = {"pin": PIN, "recovery_code": account.recovery_code}
    await world.client.put("/v1/me/pin", json=body, headers=bearer(account))

    responses = [await invite(world, account), await invite(world, account, **{"Scanback-Pin": PIN})]

    assert [response.status_code for response in responses] == [403, 201]


async def test_secret_presented_concurrently_creates_one_device(world: World):
    account = await world.account()
    invitation = (await invite(world, account)).json()

    answers = await asyncio.gather(*(present(world, invitation["secret"], f"Phone {n}") for n in range(12)))

    (pending,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} == {201, 404}
    confirmed = await asyncio.gather(*(confirm(world, account, invitation, pending["check_number"]) for _ in range(8)))
    assert {answer.status_code for answer in confirmed} == {200}
    devices = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    assert len(devices) == 2


async def test_wrong_check_number_is_refused(world: World):
    account = await world.account()
    invitation, pending = await presented(world, account)

    response = await confirm(world, account, invitation, wrong(pending["check_number"]))

    assert (response.status_code, response.json()["code"]) == (409, "check_number_invalid")
    assert (await world.client.get("/v1/me", headers=signed(pending["token"]))).status_code == 401


async def test_invitation_not_presented_is_not_confirmed(world: World):
    account = await world.account()
    invitation = (await invite(world, account)).json()

    response = await confirm(world, account, invitation, "0000")

    assert (response.status_code, response.json()["code"]) == (409, "invitation_not_presented")


@pytest.mark.parametrize("way", ["ended", "expired"])
async def test_expired_invitation_is_refused(world: World, way):
    account = await world.account()
    fresh, (invitation, pending) = (await invite(world, account)).json(), await presented(world, account)
    for row in (fresh, invitation):
        if way == "ended":
            await world.client.delete(f"/v1/devices/invitations/{row['id']}", headers=bearer(account))
    if way == "expired":
        async with world.db.begin() as session:
            await session.execute(text("UPDATE device_invitations SET expires_at = now()"))

    late = await present(world, fresh["secret"])
    response = await confirm(world, account, invitation, pending["check_number"])

    assert (late.status_code, response.json()["code"]) == (404, "invitation_expired")
    assert await status(world, pending["token"]) == "ended"


async def test_only_inviting_device_confirms(world: World):
    account, stranger = await world.account(), await world.account()
    tablet = await second_device(world, account)
    invitation, pending = await presented(world, account)
    path = f"/v1/devices/invitations/{invitation['id']}"

    answers = [
        await world.client.request(method, path + end, headers=headers, json=body)
        for headers in (signed(tablet["token"]), bearer(stranger), signed(pending["token"]))
        for method, end, body in (
            ("GET", "", None),
            ("DELETE", "", None),
            ("PUT", "/confirmation", {"check_number": "0000"}),
        )
    ]

    assert [answer.status_code for answer in answers] == [404] * 6 + [401] * 3


async def test_invitation_during_recovery_hold_is_refused(world: World):
    account = await world.account()
    invitation, pending = await presented(world, account)
    await come_back(world.client, account.recovery_code)

    answers = [await invite(world, account), await confirm(world, account, invitation, pending["check_number"])]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "account_held")] * 2


async def test_devices_beyond_the_limit_are_refused(world: World, number):
    number("devices_per_account", 2)
    account = await world.account()
    await second_device(world, account)
    invitation, pending = await presented(world, account)

    response = await confirm(world, account, invitation, pending["check_number"])

    assert (response.status_code, response.json()["code"]) == (409, "devices_exhausted")


async def test_ending_another_device_wants_the_owners_proof(world: World):
    account = await world.account()
    tablet = await second_device(world, account)
    (other,) = [
        row["id"]
        for row in (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
        if "current" not in row
    ]

    refused = await world.client.delete(f"/v1/devices/{other}", headers=bearer(account))
    ended = await world.client.delete(f"/v1/devices/{other}", headers=bearer(account) | shown(account))

    assert (refused.status_code, refused.json()["code"]) == (403, "recovery_code_needed")
    assert ended.status_code == 204
    assert (await world.client.get("/v1/me", headers=signed(tablet["token"]))).status_code == 401


async def test_closed_account_ends_its_invitations(world: World):
    account = await world.account()
    invitation, pending = await presented(world, account)

    await world.client.delete("/v1/me", headers=bearer(account))

    assert (await world.client.get("/v1/devices/pending", headers=signed(pending["token"]))).status_code == 401
    assert (await present(world, invitation["secret"])).status_code == 404
