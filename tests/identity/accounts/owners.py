"""What owners of accounts do over HTTP: with their PIN, and when they come back."""

from httpx2 import AsyncClient, Response
from sqlalchemy import text

from backend.core.db.database import Database
from backend.identity.accounts.schemas import AccountCreated
from tests.make import World, bearer

PIN, OTHER = "4071", "907352"


async def put(world: World, account: AccountCreated, pin: str | None, old: str | None = None) -> Response:
    return await world.client.put("/v1/me/pin", json={"pin": pin, "old_pin": old}, headers=bearer(account))


async def leave(world: World, account: AccountCreated, pin: str | None = None) -> Response:
    """Close the account, a request that requires the PIN."""
    headers = bearer(account) | ({"Scanback-Pin": pin} if pin else {})
    return await world.client.delete("/v1/me", headers=headers)


async def with_pin(world: World) -> AccountCreated:
    account = await world.account()
    assert (await put(world, account, PIN)).status_code == 204
    return account


async def set_fields(db: Database, change: str) -> None:
    async with db.begin() as session:
        await session.execute(text(change))


async def come_back(client: AsyncClient, code: str) -> Response:
    return await client.post("/v1/sessions", json={"recovery_code": code, "device_name": "New phone"})


async def end_hold(db: Database) -> None:
    """End all holds and replacements, as after a day."""
    await set_fields(db, "UPDATE accounts SET spending_held_until = spending_held_until - interval '25 hours'")
    await set_fields(
        db,
        "UPDATE devices SET held_until = held_until - interval '25 hours',"
        " replaced_at = replaced_at - interval '25 hours',"
        " expires_at = CASE WHEN replaced_at IS NULL THEN expires_at ELSE expires_at - interval '25 hours' END",
    )


def signed(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
