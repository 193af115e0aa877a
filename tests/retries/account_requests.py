"""How agents' requests about accounts, devices and passkeys are sent, and what a repeat does."""

from typing import Any

from httpx2 import Response

from backend.identity.accounts.schemas import AccountCreated
from tests.identity.accounts.authenticator import Authenticator
from tests.identity.accounts.ceremonies import offer_new, registered, send_new, shown
from tests.make import World, bearer
from tests.retries.repeated_request import Call, Prepare, RepeatedRequest


async def create_session(world: World, account: AccountCreated) -> RepeatedRequest:
    async def send(caller: AccountCreated) -> Response:
        return await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})

    # The code authenticates any sender. Each response has a token of its own, and only the last one is valid.
    return RepeatedRequest(send, again=(201,), stranger=(201,), same=False)


async def end_device(world: World, account: AccountCreated) -> RepeatedRequest:
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(caller))

    # The device signs itself out, so the repeat is not authenticated.
    return RepeatedRequest(send, again=(204, 401), stranger=(404,), same=False)


async def invitation(world: World, account: AccountCreated) -> dict[str, Any]:
    headers = bearer(account) | shown(account)
    return (await world.client.post("/v1/devices/invitations", headers=headers)).json()


async def create_invitation(world: World, account: AccountCreated) -> RepeatedRequest:
    async def send(caller: AccountCreated) -> Response:
        return await world.client.post("/v1/devices/invitations", headers=bearer(caller) | shown(account))

    # An invitation is a row for a day that grants no access by itself, and their number is limited.
    return RepeatedRequest(send, again=(201,), stranger=(403,), same=False)


async def end_invitation(world: World, account: AccountCreated) -> RepeatedRequest:
    made = await invitation(world, account)

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete(f"/v1/devices/invitations/{made['id']}", headers=bearer(caller))

    return RepeatedRequest(send, again=(204,), stranger=(404,))


async def present_invitation(world: World, account: AccountCreated) -> RepeatedRequest:
    made = await invitation(world, account)

    async def send(caller: AccountCreated) -> Response:
        return await world.client.post("/v1/devices/pending", json={"secret": made["secret"]})

    # The secret authenticates any sender, once.
    return RepeatedRequest(send, again=(404,), stranger=(404,), same=False)


async def confirm_invitation(world: World, account: AccountCreated) -> RepeatedRequest:
    made = await invitation(world, account)
    shown_number = await world.client.post("/v1/devices/pending", json={"secret": made["secret"]})
    path = f"/v1/devices/invitations/{made['id']}/confirmation"

    async def send(caller: AccountCreated) -> Response:
        body = {"check_number": shown_number.json()["check_number"]}
        return await world.client.put(path, json=body, headers=bearer(caller))

    return RepeatedRequest(send, again=(200,), stranger=(404,))


async def create_recovery_code(world: World, account: AccountCreated) -> RepeatedRequest:
    async def send(caller: AccountCreated) -> Response:
        headers = bearer(caller) | shown(account)
        return await world.client.post("/v1/me/recovery-code", headers=headers)

    # Each response has a new code, which replaces the one that the second request shows.
    return RepeatedRequest(send, again=(201, 403), stranger=(403,), same=False)


async def undo_recovery(world: World, account: AccountCreated) -> RepeatedRequest:
    await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete("/v1/me/recovery", headers=bearer(caller) | shown(caller))

    # Another account has no recovery to undo.
    return RepeatedRequest(send, again=(204,), stranger=(204,))


async def set_pin(world: World, account: AccountCreated) -> RepeatedRequest:
    def sending(pin: str) -> Call:
        async def send(caller: AccountCreated) -> Response:
            return await world.client.put("/v1/me/pin", json={"pin": pin}, headers=bearer(caller))

        return send

    return RepeatedRequest(sending("4071"), again=(204,), stranger=(204,), other=sending("9073"))


async def create_passkey(world: World, account: AccountCreated) -> RepeatedRequest:
    credential = Authenticator().create(await offer_new(world, account))

    async def send(caller: AccountCreated) -> Response:
        return await send_new(world, caller, credential)

    async def other(caller: AccountCreated) -> Response:
        changed = Authenticator().create({"user": {"id": "eA"}, "challenge": "eA"})
        return await send_new(world, caller, changed)

    return RepeatedRequest(send, again=(201,), stranger=(409, 422), other=other)


async def end_passkey(world: World, account: AccountCreated) -> RepeatedRequest:
    await registered(world, account)
    (passkey,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]

    async def send(caller: AccountCreated) -> Response:
        headers = bearer(caller) | shown(caller)
        return await world.client.delete(f"/v1/passkeys/{passkey['id']}", headers=headers)

    return RepeatedRequest(send, again=(204,), stranger=(404,))


async def forget_me(world: World, account: AccountCreated) -> RepeatedRequest:
    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete("/v1/me", headers=bearer(caller))

    return RepeatedRequest(send, again=(204, 401), stranger=(204,), same=False)


ACCOUNT_REQUESTS: dict[str, Prepare] = {
    "POST /v1/sessions": create_session,
    "DELETE /v1/devices/{device_id:int}": end_device,
    "PUT /v1/me/pin": set_pin,
    "POST /v1/devices/invitations": create_invitation,
    "PUT /v1/devices/invitations/{invitation_id:int}/confirmation": confirm_invitation,
    "DELETE /v1/devices/invitations/{invitation_id:int}": end_invitation,
    "POST /v1/devices/pending": present_invitation,
    "POST /v1/me/recovery-code": create_recovery_code,
    "DELETE /v1/me/recovery": undo_recovery,
    "POST /v1/passkeys": create_passkey,
    "DELETE /v1/passkeys/{passkey_id:int}": end_passkey,
    "DELETE /v1/me": forget_me,
}
