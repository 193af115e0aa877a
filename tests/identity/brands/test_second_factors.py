"""Second factors of staff, and what they are challenge for."""

import asyncio

from sqlalchemy import text

from tests.identity.brands.second_factors import (
    PASSWORD,
    code_of,
    grown_old,
    set_up_totp,
    sign_in,
    signed,
    with_passkey,
    with_password,
    with_totp,
)
from tests.make import World

NEW = {"role": "analyst", "password": "eleven lukewarm radiators"}


def code(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_sign_in_with_totp_requires_code(world: World, app):
    _, totp, _ = await with_totp(world, app)

    answers = [await sign_in(world), await sign_in(world, code="000000"), await sign_in(world, code=code_of(totp))]

    assert [answer.status_code for answer in answers] == [401, 403, 201]
    assert [code(answer)[1] for answer in answers[:2]] == ["second_factor_required", "second_factor_invalid"]


async def test_wrong_password_and_unknown_member_are_indistinguishable(world: World, app):
    _, totp, _ = await with_totp(world, app)

    response = await sign_in(world, password="nine cold radiators", code=code_of(totp))

    assert code(response) == (401, "sign_in_unknown")


async def test_totp_code_sent_concurrently_is_accepted_once(world: World, app):
    _, totp, _ = await with_totp(world, app)
    now = code_of(totp)

    answers = await asyncio.gather(*(sign_in(world, code=now) for _ in range(6)))

    assert [answer.status_code for answer in answers].count(201) == 1


async def test_totp_code_of_earlier_step_is_refused(world: World, app):
    _, totp, _ = await with_totp(world, app)
    await sign_in(world, code=code_of(totp, 1))

    response = await sign_in(world, code=code_of(totp))

    assert code(response) == (403, "second_factor_invalid")


async def test_guessing_codes_ends_after_ten_tries(world: World, app):
    _, totp, _ = await with_totp(world, app)

    answers = []
    for first in (0, 6):  # no more at once than wait for a password
        answers += await asyncio.gather(*(sign_in(world, code=f"{first + n:06}") for n in range(6)))
    right = await sign_in(world, code=code_of(totp))

    assert sum(answer.status_code == 403 for answer in answers) <= 10
    assert right.status_code == 429


async def test_staff_recovery_code_is_accepted_once(world: World, app):
    _, _, codes = await with_totp(world, app)

    answers = [await sign_in(world, recovery_code=codes[0].lower()) for _ in range(2)]

    assert len(codes) == len(set(codes)) == 10
    assert [answer.status_code for answer in answers] == [201, 403]


async def test_secrets_of_second_factors_are_encrypted(world: World, app, owner):
    _, totp, codes = await with_totp(world, app)

    rows = await owner.rows(
        text("SELECT s::text AS stored FROM staff s UNION ALL SELECT r::text FROM staff_recovery_codes r")
    )

    stored = "".join(row.stored for row in rows)
    assert not any(secret in stored or secret.encode().hex() in stored for secret in [totp.secret, *codes])


async def test_passkey_signs_in_by_itself(world: World, app):
    anna = await with_password(world, app)
    phone, made = await with_passkey(anna)
    options = (await world.client.post("/v1/staff/sessions/challenges")).json()["options"]
    credential = phone.get(options)

    answers = [await world.client.post("/v1/staff/sessions", json={"passkey": credential}) for _ in range(2)]

    assert len(made["recovery_codes"]) == 10
    assert [answer.status_code for answer in answers] == [201, 401]
    assert (await signed(world, answers[0], anna).get("/v1/staff/me")).json()["passkeys"] == 1
    assert code(await sign_in(world)) == (401, "second_factor_required")


async def test_passkey_of_disabled_member_is_refused(world: World, app):
    boss = await world.staff()
    anna = await with_password(world, app, brand=await world.brand_of(boss), role="manager")
    phone, _ = await with_passkey(anna)
    await boss.delete(f"/v1/console/staff/{anna.email}")
    options = (await world.client.post("/v1/staff/sessions/challenges")).json()["options"]

    response = await world.client.post("/v1/staff/sessions", json={"passkey": phone.get(options)})

    assert code(response) == (401, "sign_in_unknown")


async def test_second_factor_with_old_session_is_refused(world: World, app):
    anna = await with_password(world, app)
    await grown_old(world)

    refused = [
        await anna.ask("POST", "/v1/staff/me/totp"),
        await anna.ask("POST", "/v1/staff/me/passkeys/challenges"),
        await anna.delete("/v1/staff/me/totp"),
    ]
    proof = await anna.ask("POST", "/v1/staff/sessions/current/authentications", json={"password": PASSWORD})
    allowed = await anna.ask("POST", "/v1/staff/me/totp")

    assert [code(answer) for answer in refused] == [(403, "authentication_expired")] * 3
    assert (proof.status_code, allowed.status_code) == (201, 201)


async def test_new_second_factor_ends_other_sessions(world: World, app):
    anna = await with_password(world, app)
    other = signed(world, await sign_in(world), anna)

    await set_up_totp(anna)

    assert (await anna.get("/v1/staff/me")).json()["has_totp"] is True
    assert (await other.get("/v1/staff/me")).status_code == 401


async def test_sensitive_operation_requires_the_second_factor_again(world: World, app):
    anna, totp, codes = await with_totp(world, app)
    path = "/v1/staff/sessions/current/authentications"
    await grown_old(world)

    refused = await anna.put("/v1/console/staff/new@teplo.example", NEW)
    by_password = await anna.ask("POST", path, json={"password": PASSWORD})
    by_code = await anna.ask("POST", path, json={"code": code_of(totp)})
    allowed = await anna.put("/v1/console/staff/new@teplo.example", NEW)
    await grown_old(world)
    by_recovery_code = await anna.ask("POST", path, json={"recovery_code": codes[3]})

    assert code(refused) == (403, "authentication_expired")
    assert code(by_password) == (403, "second_factor_invalid")
    assert (by_code.status_code, allowed.status_code, by_recovery_code.status_code) == (201, 200, 201)


async def test_passkey_reauthenticates_only_its_member(world: World, app):
    boss = await world.staff()
    anna = await with_password(world, app, brand=await world.brand_of(boss))
    phone, _ = await with_passkey(anna)
    foreign, _ = await with_passkey(boss)
    await grown_old(world)

    answers = []
    for key in (foreign, phone):
        challenge = await anna.ask("POST", "/v1/staff/sessions/current/challenges")
        body = {"passkey": key.get(challenge.json()["options"])}
        answers.append(await anna.ask("POST", "/v1/staff/sessions/current/authentications", json=body))

    assert [answer.status_code for answer in answers] == [403, 201]
    assert (await anna.put("/v1/console/staff/new@teplo.example", NEW)).status_code == 200


async def test_last_factor_removed_removes_recovery_codes(world: World, app):
    anna, *_ = await with_totp(world, app)

    removed = await anna.delete("/v1/staff/me/totp")

    me = (await anna.get("/v1/staff/me")).json()
    assert removed.status_code == 204
    assert "has_totp" not in me
    assert "recovery_codes" not in me
    assert (await sign_in(world)).status_code == 201


async def test_new_recovery_codes_replace_the_old_ones(world: World, app):
    anna, _, old = await with_totp(world, app)

    new = (await anna.ask("POST", "/v1/staff/me/recovery-codes")).json()["recovery_codes"]

    assert (await sign_in(world, recovery_code=old[0])).status_code == 403
    assert (await sign_in(world, recovery_code=new[0])).status_code == 201


async def test_owner_resets_the_second_factors_of_a_member(world: World, app):
    boss = await world.staff()
    anna, *_ = await with_totp(world, app, brand=await world.brand_of(boss), role="manager")
    await with_passkey(anna)

    reset = [await boss.delete(f"/v1/console/staff/{anna.email}/second-factors") for _ in range(2)]

    assert [answer.status_code for answer in reset] == [204, 204]
    assert (await anna.get("/v1/staff/me")).status_code == 401
    assert (await sign_in(world)).status_code == 201
    row = await world.db.call(
        text("SELECT (SELECT count(*) FROM staff_passkeys) + (SELECT count(*) FROM staff_recovery_codes) AS left")
    )
    assert row.left == 0


async def test_manager_without_required_factor_is_limited_to_setup(world: World, app):
    boss, _, _ = await with_totp(world, app)
    brand = await world.brand_of(boss)
    manager, analyst = await world.staff(brand, "manager"), await world.staff(brand, "analyst")

    switched = await boss.put("/v1/console/brand", {"name": brand.name, "needs_second_factor": True})
    before = await manager.get("/v1/console/programmes")
    await set_up_totp(manager)
    after = await manager.get("/v1/console/programmes")

    assert switched.json()["needs_second_factor"] is True
    assert code(before) == (403, "second_factor_needed")
    assert after.status_code == 200
    assert (await analyst.get("/v1/console/programmes")).status_code == 200


async def test_owner_without_second_factor_cannot_demand_one(world: World):
    boss = await world.staff()

    response = await boss.put("/v1/console/brand", {"name": "Teplo", "needs_second_factor": True})

    assert code(response) == (403, "second_factor_needed")
