"""Passwords of staff: which may be chosen, and how long a first one lasts."""

import pytest
from sqlalchemy import text

from tests.identity.brands.second_factors import EMAIL, PASSWORD, sign_in, signed, with_password
from tests.make import World

GOOD = "eleven lukewarm radiators"


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "aaaaaaaaaaaa",
        "123456789012",
        EMAIL,
        EMAIL.upper(),
        "Password2026!",
        "qwertyuiop12",
        "P@ssw0rd1234!",
        "abcabcabcabc",
        "йцукенгшщзхъ",
        "парольпароль",
        "Пароль123456",
        "пароль-пароль",
        "qwerty qwerty",
        "１２３４５６７８９０１２",
        "scanback2026!",
        "annateplo2026",
        "January2026!!",
        "0" * 128,
        "passwordpasswordpasswordpassword",
    ],
)
async def test_password_that_is_easy_to_guess_is_refused(world: World, app, password):
    anna = await with_password(world, app)
    body = {"old_password": PASSWORD, "password": password}

    own = await anna.put("/v1/staff/me/password", body)
    given = await anna.put(f"/v1/console/staff/{EMAIL}", {"role": "owner", "password": password})

    assert [(answer.status_code, answer.json()["code"]) for answer in (own, given)] == [(422, "password_invalid")] * 2


@pytest.mark.parametrize("password", [GOOD, "кошка вчера красила забор", "qX3v-8sLw2Zt_4Ra", "x9!fQ2#mK7@pL4"])
async def test_password_of_unrelated_words_is_accepted(world: World, app, password):
    anna = await with_password(world, app)

    response = await anna.put("/v1/staff/me/password", {"old_password": PASSWORD, "password": password})

    assert response.status_code == 204
    assert (await sign_in(world, password=password)).status_code == 201


async def test_password_that_stays_the_same_is_refused(world: World, app):
    anna = await with_password(world, app)

    response = await anna.put("/v1/staff/me/password", {"old_password": PASSWORD, "password": PASSWORD})

    assert response.json()["code"] == "password_invalid"


async def first_password(world: World, body: dict) -> tuple[dict, str]:
    boss = await world.staff()
    made = (await boss.put(f"/v1/console/staff/{EMAIL}", {"role": "manager"} | body)).json()
    return made, made.get("password") or body["password"]


@pytest.mark.parametrize("body", [{}, {"password": GOOD}], ids=["drawn", "given"])
async def test_first_password_must_be_changed(world: World, body):
    _, password = await first_password(world, body)
    begun = await sign_in(world, password=password)
    newcomer = signed(world, begun, await world.staff())

    before = await newcomer.get("/v1/console/programmes")
    me = await newcomer.get("/v1/staff/me")
    changed = await newcomer.put("/v1/staff/me/password", {"old_password": password, "password": PASSWORD})
    after = await newcomer.get("/v1/console/programmes")

    assert begun.json()["password_expires_at"]
    assert (before.status_code, before.json()["code"]) == (403, "password_expired")
    assert (me.status_code, changed.status_code, after.status_code) == (200, 204, 200)
    assert "password_expires_at" not in (await sign_in(world)).json()


async def test_first_password_expires_after_a_week(world: World):
    _, password = await first_password(world, {})
    async with world.db.begin() as session:
        await session.execute(text("UPDATE staff SET password_expires_at = now() - interval '1 second'"))

    right, wrong = await sign_in(world, password=password), await sign_in(world)

    assert (right.status_code, right.json()["code"]) == (403, "first_password_expired")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_unknown")


async def test_own_password_changed_preserves_session(world: World, app):
    anna = await with_password(world, app)

    await anna.put(f"/v1/console/staff/{EMAIL}", {"role": "owner", "password": GOOD})

    begun = await sign_in(world, password=GOOD)
    assert "password_expires_at" not in begun.json()
