"""Staff signing in and out."""

import pytest
from sqlalchemy import text

from backend.identity.brands import service
from tests.make import World

PASSWORD = "nine warm radiators"


@pytest.fixture
async def anna(world: World, app):
    """A manager with a password."""
    secret = await service.create_password(app.state["passwords"], PASSWORD)
    return await world.staff(role="manager", email="anna@teplo.example", password_hash=secret.hashed)


async def sign_in(client, email="anna@teplo.example", password=PASSWORD):
    return await client.post("/v1/staff/sessions", json={"email": email, "password": password})


async def as_token(client, token, method="GET", path="/v1/staff/me", **options):
    return await client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **options)


async def test_staff_signs_in_with_email_and_password(client, anna):
    response = await sign_in(client, " Anna@Teplo.example")

    assert response.status_code == 201
    answer = response.json()
    assert answer["token"].startswith("st_")
    assert (answer["role"], answer["brand_id"]) == ("manager", anna.brand_id)
    me = (await as_token(client, answer["token"])).json()
    assert (me["email"], me["role"], me["brand"]["id"]) == ("anna@teplo.example", "manager", anna.brand_id)


async def test_token_is_stored_as_a_hash(client, anna, owner):
    token = (await sign_in(client)).json()["token"]

    async with owner.begin() as session:
        rows = (await session.execute(text("SELECT s::text FROM staff_sessions s"))).scalars().all()

    assert not any(token in row or token.encode().hex() in row for row in rows)


async def test_unknown_wrong_and_disabled_get_one_answer(client, anna, world):
    await world.staff(email="gone@teplo.example", disabled_at=text("now()"))

    answers = [
        await sign_in(client, "unknown@teplo.example"),
        await sign_in(client, password="nine cold radiators"),
        await sign_in(client, "gone@teplo.example"),
    ]

    responses = [(answer.status_code, answer.json() | {"request_id": ""}) for answer in answers]
    assert responses[0][0] == 401
    assert responses[0][1]["code"] == "sign_in_unknown"
    assert responses[0] == responses[1] == responses[2]


async def test_failures_elsewhere_do_not_lock_the_owner_out(app, client, anna):
    stranger_fails = [(await sign_in(client, password=f"wrong {n}")).status_code for n in range(11)]
    home = client._transport.client
    client._transport.client = ("198.51.100.7", 4711)
    try:
        response = await sign_in(client)
    finally:
        client._transport.client = home

    assert stranger_fails == [401] * 10 + [429]
    assert response.status_code == 201


async def test_rate_limited_sign_in_has_retry_after(client, anna):
    for n in range(10):
        await sign_in(client, password=f"wrong {n}")

    response = await sign_in(client)

    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 30


async def test_emails_from_one_network_are_rate_limited(client):
    answers = [(await sign_in(client, f"guess{n}@teplo.example", "x")).status_code for n in range(31)]

    assert answers == [401] * 30 + [429]


async def test_sign_out_ends_the_token(client, anna):
    token = (await sign_in(client)).json()["token"]

    gone = await as_token(client, token, "DELETE", "/v1/staff/sessions/current")
    after = await as_token(client, token)

    assert (gone.status_code, after.status_code) == (204, 401)


async def test_session_lasts_twelve_hours(client, anna, owner):
    token = (await sign_in(client)).json()["token"]
    async with owner.begin() as session:
        await session.execute(text("UPDATE staff_sessions SET expires_at = expires_at - interval '12 hours 1 second'"))

    response = await as_token(client, token)

    assert response.status_code == 401


async def test_changed_password_ends_other_sessions(client, anna):
    first = (await sign_in(client)).json()["token"]
    second = (await sign_in(client)).json()["token"]
    body = {"old_password": PASSWORD, "password": "ten warm radiators"}

    changed = await as_token(client, first, "PUT", "/v1/staff/me/password", json=body)

    assert changed.status_code == 204
    assert (await as_token(client, first)).status_code == 200
    assert (await as_token(client, second)).status_code == 401
    assert (await sign_in(client, password="ten warm radiators")).status_code == 201


async def test_wrong_old_password_changes_nothing(client, anna):
    token = (await sign_in(client)).json()["token"]
    body = {"old_password": "something else", "password": "ten warm radiators"}

    response = await as_token(client, token, "PUT", "/v1/staff/me/password", json=body)

    assert (response.status_code, response.json()["code"]) == (403, "password_wrong")
    assert (await sign_in(client)).status_code == 201
