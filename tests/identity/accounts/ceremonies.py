"""The ceremonies of passkeys over HTTP, as a phone's application plays them."""

from typing import Any

from httpx2 import Response

from backend.identity.accounts.schemas import AccountCreated
from tests.identity.accounts.authenticator import Authenticator
from tests.make import World, bearer


async def offer_new(world: World, account: AccountCreated) -> dict[str, Any]:
    response = await world.client.post("/v1/passkeys/challenges", headers=bearer(account))
    assert response.status_code == 201
    return response.json()["options"]


async def send_new(world: World, account: AccountCreated, credential: dict[str, Any], **proof: str) -> Response:
    headers = bearer(account) | shown(account) | proof
    return await world.client.post("/v1/passkeys", json=credential, headers=headers)


def shown(account: AccountCreated) -> dict[str, str]:
    """The proof of an owner without a PIN."""
    return {"Scanback-Recovery-Code": account.recovery_code}


async def registered(world: World, account: AccountCreated, **proof: str) -> Authenticator:
    phone = Authenticator()
    response = await send_new(world, account, phone.create(await offer_new(world, account)), **proof)
    assert response.status_code == 201
    return phone


async def offer(world: World) -> dict[str, Any]:
    return (await world.client.post("/v1/sessions/challenges")).json()["options"]


async def come_back(world: World, credential: dict[str, Any]) -> Response:
    return await world.client.post("/v1/sessions", json={"passkey": credential, "device_name": "New phone"})


def wrong_origin(phone: Authenticator) -> None:
    phone.origin = "https://scanback.example"


def wrong_site(phone: Authenticator) -> None:
    phone.rp_id = "scanback.example"


def not_verified(phone: Authenticator) -> None:
    phone.flags = 0x01


def not_present(phone: Authenticator) -> None:
    phone.flags = 0x04
