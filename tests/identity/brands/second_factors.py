"""Members of staff: sign-in, and the setup of second factors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
from httpx2 import Response
from sqlalchemy import text

from backend.identity.brands import service
from tests.identity.accounts.authenticator import Authenticator
from tests.make import Worker, World

PASSWORD = "nine warm radiators"
EMAIL = "anna@teplo.example"


async def with_password(world: World, app: Any, role: str = "owner", **fields: Any) -> Worker:
    """A member with a password, signed in a moment ago."""
    secret = await service.create_password(app.state["passwords"], PASSWORD)
    return await world.staff(role=role, **({"email": EMAIL, "password_hash": secret.hashed} | fields))


async def sign_in(world: World, **body: Any) -> Response:
    body = {"email": EMAIL, "password": PASSWORD} | body
    return await world.client.post("/v1/staff/sessions", json=body)


async def with_totp(world: World, app: Any, **fields: Any) -> tuple[Worker, pyotp.TOTP, list[str]]:
    """A member with an authenticator application, and the recovery codes."""
    worker = await with_password(world, app, **fields)
    return worker, *(await set_up_totp(worker))


async def set_up_totp(worker: Worker) -> tuple[pyotp.TOTP, list[str]]:
    totp = pyotp.TOTP((await worker.ask("POST", "/v1/staff/me/totp")).json()["secret"])
    confirmed = await worker.put("/v1/staff/me/totp", {"code": code_of(totp, -1)})
    assert confirmed.status_code == 200
    return totp, confirmed.json()["recovery_codes"]


def code_of(totp: pyotp.TOTP, steps: int = 0) -> str:
    """The code of now, or of so many half minutes later: each counts once."""
    return totp.at(datetime.now(UTC) + timedelta(seconds=30 * steps))


async def with_passkey(worker: Worker) -> tuple[Authenticator, dict[str, Any]]:
    phone = Authenticator()
    options = (await worker.ask("POST", "/v1/staff/me/passkeys/challenges")).json()["options"]
    made = await worker.ask("POST", "/v1/staff/me/passkeys", json=phone.create(options))
    assert made.status_code == 201
    return phone, made.json()


async def grown_old(world: World, minutes: int = 11) -> None:
    """All sessions' authentications are so old."""
    async with world.db.begin() as session:
        moment = f"now() - interval '{minutes} minutes'"
        await session.execute(
            text(f"UPDATE staff_sessions SET created_at = {moment}, authenticated_at = NULL")  # noqa: S608
        )


def signed(world: World, answer: Response, worker: Worker) -> Worker:
    """The member in the session of an answer."""
    return Worker(world.client, worker.id, worker.brand_id, worker.email, answer.json()["token"])
