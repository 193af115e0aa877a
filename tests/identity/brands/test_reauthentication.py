"""What moves money or grants power wants a fresh proof of who has a second factor; silent sessions end."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.make import World

NEW = {"role": "analyst", "password": "eleven lukewarm radiators"}


async def grown_old(world: World, minutes: int, field: str) -> None:
    """The only session began, or was last seen, minutes ago."""
    async with world.db.begin() as session:
        moment = f"now() - interval '{minutes} minutes'"
        await session.execute(text(f"UPDATE staff_sessions SET {field} = {moment}"))  # noqa: S608 - a test's own


async def add_analyst(owner):
    return await owner.put("/v1/console/staff/new@teplo.example", NEW)


async def test_privileged_request_with_old_authentication_is_refused(world: World):
    owner = await world.staff(second_factor_at=datetime.now(UTC))
    await grown_old(world, 11, "created_at")

    response = await add_analyst(owner)

    assert (response.status_code, response.json()["code"]) == (403, "authentication_expired")
    assert (await owner.get("/v1/console/staff")).status_code == 200


async def test_privileged_request_after_fresh_sign_in_is_accepted(world: World):
    owner = await world.staff(second_factor_at=datetime.now(UTC))
    await grown_old(world, 9, "created_at")

    response = await add_analyst(owner)

    assert response.status_code == 200


async def test_power_without_second_factor_needs_no_fresh_authentication(world: World):
    owner = await world.staff()
    await grown_old(world, 11, "created_at")

    response = await add_analyst(owner)

    assert response.status_code == 200


async def test_later_authentication_makes_an_old_session_fresh(world: World):
    owner = await world.staff(second_factor_at=datetime.now(UTC))
    await grown_old(world, 600, "created_at")
    await grown_old(world, 1, "authenticated_at")

    response = await add_analyst(owner)

    assert response.status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(59, 200), (61, 401)])
async def test_staff_session_idle_for_an_hour_ends(world: World, minutes, status):
    worker = await world.staff()
    await grown_old(world, minutes, "seen_at")

    response = await worker.get("/v1/staff/me")

    assert response.status_code == status


async def test_staff_session_in_use_does_not_expire(world: World, db):
    worker = await world.staff()
    await grown_old(world, 59, "seen_at")
    await worker.get("/v1/staff/me")

    row = await db.call(text("SELECT seen_at FROM staff_sessions"))

    assert datetime.now(UTC) - row.seen_at < timedelta(minutes=1)
