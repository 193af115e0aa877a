"""Wrong passwords: what they cost whom."""

import pytest
from sqlalchemy import text

from tests.identity.brands.second_factors import EMAIL, PASSWORD, code_of, sign_in, with_password, with_totp
from tests.make import World, caller


async def guess(app, count: int, email: str = EMAIL) -> list[int]:
    """Wrong passwords, each from a network of its own."""
    answers = []
    for number in range(count):
        async with caller(app, f"198.51.{number}.7") as client:
            body = {"email": email, "password": f"wrong {number}"}
            answers.append((await client.post("/v1/staff/sessions", json=body)).status_code)
    return answers


async def from_afar(app, host: str = "192.0.2.1", **body: str):
    async with caller(app, host) as client:
        return await client.post("/v1/staff/sessions", json={"email": EMAIL, "password": PASSWORD} | body)


@pytest.mark.parametrize("email", [EMAIL, "unknown@teplo.example"])
async def test_guesses_over_many_networks_require_second_factor(world: World, app, number, email):
    number("staff_signins_failed_per_hour_over_networks", 4)
    await with_password(world, app)

    answers = await guess(app, 7, email)
    response = await from_afar(app, email=email)

    assert answers[:4] == [401] * 4
    assert (response.status_code, response.json()["code"]) == (401, "second_factor_required")


async def test_member_with_second_factor_signs_in_under_attack(world: World, app, number):
    number("staff_signins_failed_per_hour_over_networks", 4)
    _, totp, _ = await with_totp(world, app)
    await guess(app, 6)

    wrong = await from_afar(app, "192.0.2.1", code=code_of(totp), password="nine cold radiators")
    right = await from_afar(app, "192.0.3.1", code=code_of(totp))

    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_unknown")
    assert right.status_code == 201


async def test_known_device_signs_in_under_attack(world: World, app, number):
    number("staff_signins_failed_per_hour_over_networks", 4)
    await with_password(world, app)
    device = (await sign_in(world)).json()["token"]
    async with world.db.begin() as session:
        await session.execute(text("UPDATE staff_sessions SET expires_at = now() - interval '2 days'"))
    await guess(app, 6)

    unknown = await from_afar(app, "192.0.2.1")
    known = await from_afar(app, "192.0.3.1", device_token=device)

    assert (unknown.status_code, known.status_code) == (401, 201)


async def test_known_device_signs_in_while_its_network_waits(world: World, app):
    await with_password(world, app)
    device = (await sign_in(world)).json()["token"]
    for number in range(11):
        await sign_in(world, password=f"wrong {number}")

    waiting, known = await sign_in(world), await sign_in(world, device_token=device)

    assert (waiting.status_code, known.status_code) == (429, 201)


async def test_known_device_waits_for_its_own_failures(world: World, app):
    await with_password(world, app)
    device = (await sign_in(world)).json()["token"]

    answers = [(await sign_in(world, password="wrong", device_token=device)).status_code for _ in range(11)]

    assert answers == [401] * 10 + [429]
    assert (await from_afar(app)).status_code == 201


async def test_token_of_another_member_makes_no_device_known(world: World, app):
    await with_password(world, app)
    stranger = await world.staff()
    for number in range(11):
        await sign_in(world, password=f"wrong {number}")

    response = await sign_in(world, device_token=stranger.token)

    assert response.status_code == 429
