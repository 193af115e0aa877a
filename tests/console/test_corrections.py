"""Corrections by hand: two members of staff, once, and the agent sees why."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.operations import ledger_audit
from backend.spending.corrections.checks import CORRECTIONS
from payouts import audit
from tests.make import World, bearer
from tests.spending.scenario import SpendingScenario

RECORDS = text("SELECT to_jsonb(a)::text AS record FROM approvals a UNION ALL SELECT to_jsonb(e)::text FROM events e")


@pytest.fixture
async def second(world: World, shop: SpendingScenario):
    """Another manager of the same brand."""
    return await world.staff(await world.brand_by_id(shop.programme.brand_id), "manager")


def correction_body(shop: SpendingScenario, agent, amount: int, **fields) -> dict:
    reason = "The box had no code inside."
    return {
        "card_number": agent.card_number,
        "programme": shop.programme.key,
        "amount": amount,
        "reason": reason,
    } | fields


async def request_correction(manager, body: dict) -> str:
    key = str(uuid.uuid4())
    answer = await manager.put(f"/v1/console/corrections/{key}", body)
    assert answer.status_code == 200, answer.text
    return key


async def decided(member, key: str, action: str = "approve"):
    return await member.put(f"/v1/console/approvals/{key}/decision", {"action": action})


async def test_correction_approved_by_another_moves_with_its_reason(world, shop, manager, second):
    agent = await shop.agent(1000)

    key = await request_correction(manager, correction_body(shop, agent, 2500))
    before = await shop.wallet(agent)
    answer = await decided(second, key)

    assert before == (1000, 0)
    assert answer.json()["state"] == "used"
    assert await shop.wallet(agent) == (3500, 0)
    last = (await world.home(agent))["last"][0]
    assert (last["kind"], last["text"]) == ("earn", "Corrected by hand: The box had no code inside.")


async def test_negative_correction_is_in_the_statement(world, client, shop, manager, second):
    agent = await shop.agent(1000)

    await decided(second, await request_correction(manager, correction_body(shop, agent, -400)))

    assert await shop.wallet(agent) == (600, 0)
    wallet = (await world.home(agent))["wallets"][0]["id"]
    statement = (await client.get(f"/v1/wallets/{wallet}/statement", headers=bearer(agent))).json()
    assert statement["totals"]["correct"] == 400
    assert statement["items"][-1]["kind"] == "correct"
    assert statement["items"][-1]["text"] == "Corrected by hand: The box had no code inside."


async def test_correction_approved_by_its_author_is_forbidden(shop, manager):
    agent = await shop.agent(1000)

    answer = await decided(manager, await request_correction(manager, correction_body(shop, agent, 100)))

    assert (answer.status_code, answer.json()["code"]) == (403, "self_approval_forbidden")
    assert await shop.wallet(agent) == (1000, 0)


async def test_correction_approved_with_an_old_authentication_is_refused(world, shop, manager):
    brand = await world.brand_by_id(shop.programme.brand_id)
    key = await request_correction(manager, correction_body(shop, await shop.agent(0), 100))
    second = await world.staff(brand, "manager", second_factor_at=datetime.now(UTC))
    async with world.db.begin() as session:
        await session.execute(text("UPDATE staff_sessions SET created_at = now() - interval '1 hour'"))

    answer = await decided(second, key)

    assert (answer.status_code, answer.json()["code"]) == (403, "authentication_expired")


async def test_database_refuses_approval_by_requester(owner, shop, manager):
    key = await request_correction(manager, correction_body(shop, await shop.agent(0), 100))

    async with owner.sessions() as session:
        with pytest.raises(IntegrityError, match="two_people"):
            await session.execute(
                text("UPDATE approvals SET state = 'approved', decided_by = requested_by WHERE key = :key"),
                {"key": key},
            )


async def test_correction_is_idempotent_by_its_id(shop, manager, second):
    agent = await shop.agent(1000)
    key = await request_correction(manager, correction_body(shop, agent, 100))

    again = await manager.put(f"/v1/console/corrections/{key}", correction_body(shop, agent, 100))
    other = await manager.put(f"/v1/console/corrections/{key}", correction_body(shop, agent, 101))
    answers = [(await decided(second, key)).json() for _ in range(2)]

    assert (again.status_code, again.json()["state"]) == (200, "waiting")
    assert (other.status_code, other.json()["code"]) == (422, "body_changed")
    assert answers[0] == answers[1]
    assert await shop.wallet(agent) == (1100, 0)


@pytest.mark.parametrize("changed", ["agent", "programme", "sign", "expires_on"])
async def test_correction_id_with_another_body_is_refused(world, shop, manager, changed):
    agent = await shop.agent(1000)
    other = await world.programme(await world.brand_by_id(shop.programme.brand_id), currency="RUB")
    key = await request_correction(manager, correction_body(shop, agent, 100))
    fields = {
        "agent": {"card_number": (await shop.agent(0)).card_number},
        "programme": {"programme": other.key},
        "sign": {"amount": -100},
        "expires_on": {"expires_on": "2099-01-01"},
    }

    answer = await manager.put(f"/v1/console/corrections/{key}", correction_body(shop, agent, 100) | fields[changed])

    assert (answer.status_code, answer.json()["code"]) == (422, "body_changed")


async def test_correction_approved_by_several_at_once_moves_once(world, shop, manager):
    agent = await shop.agent(0)
    brand = await world.brand_by_id(shop.programme.brand_id)
    others = [await world.staff(brand, "manager") for _ in range(6)]
    key = await request_correction(manager, correction_body(shop, agent, 700))

    answers = await asyncio.gather(*(decided(one, key) for one in others))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert await shop.wallet(agent) == (700, 0)


async def test_correction_above_the_available_balance_is_refused(shop, manager, second):
    agent = await shop.agent(300)
    key = await request_correction(manager, correction_body(shop, agent, -301))

    answer = await decided(second, key)

    assert (answer.status_code, answer.json()["code"]) == (409, "wallet_less")
    assert (await manager.get(f"/v1/console/corrections/{key}")).json()["state"] == "waiting"
    assert await shop.wallet(agent) == (300, 0)


async def test_correction_declined_never_moves(shop, manager, second):
    agent = await shop.agent(300)
    key = await request_correction(manager, correction_body(shop, agent, 100))

    declined = await decided(second, key, "decline")
    late = await decided(second, key)

    assert declined.json()["state"] == "declined"
    assert (late.status_code, late.json()["code"]) == (409, "approval_decided")
    assert await shop.wallet(agent) == (300, 0)


async def test_correction_above_the_limits_is_refused(shop, manager, second, number):
    number("correction_most", 1000)
    number("corrections_most_day", 1500)
    agent = await shop.agent(0)

    over = await manager.put(f"/v1/console/corrections/{uuid.uuid4()}", correction_body(shop, agent, 1001))
    first = await decided(second, await request_correction(manager, correction_body(shop, agent, 1000)))
    rest = await decided(second, await request_correction(manager, correction_body(shop, agent, 501)))

    assert (over.status_code, over.json()["code"]) == (409, "correction_limited")
    assert first.status_code == 200
    assert (rest.status_code, rest.json()["code"]) == (409, "correction_limited")
    assert await shop.wallet(agent) == (1000, 0)


async def test_concurrent_corrections_respect_the_daily_limit(shop, manager, second, number):
    number("corrections_most_day", 1000)
    agents = [await shop.agent(0) for _ in range(4)]
    keys = [await request_correction(manager, correction_body(shop, agent, 600)) for agent in agents]

    answers = await asyncio.gather(*(decided(second, key) for key in keys))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_correction_of_unknown_account_or_zero_is_refused(shop, manager):
    agent = await shop.agent(0)
    key = f"/v1/console/corrections/{uuid.uuid4()}"

    unknown = await manager.put(key, correction_body(shop, agent, 1, card_number="4000000000000000"))
    nothing = await manager.put(key, correction_body(shop, agent, 0))
    past = await manager.put(key, correction_body(shop, agent, 1, expires_on="2020-01-01"))

    assert (unknown.status_code, unknown.json()["code"]) == (404, "card_unknown")
    assert (nothing.status_code, nothing.json()["code"]) == (422, "correction_empty")
    assert (past.status_code, past.json()["code"]) == (422, "correction_empty")


async def test_correction_of_closed_account_is_refused(client, shop, manager, second):
    agent = await shop.agent(0)
    key = await request_correction(manager, correction_body(shop, agent, 100))
    gone = await client.delete("/v1/me", headers=bearer(agent))

    answer = await decided(second, key)

    assert gone.status_code == 204
    assert (answer.status_code, answer.json()["code"]) == (409, "agent_gone")


async def test_approval_of_forgotten_agent_names_no_card(world, client, shop, manager, second):
    agent = await shop.agent(0)
    key = await request_correction(manager, correction_body(shop, agent, 100))
    await decided(second, key)
    await client.delete("/v1/me", headers=bearer(agent))

    rows = await world.db.rows(RECORDS)

    assert len(rows) >= 5
    assert [row.record for row in rows if agent.card_number in row.record] == []


async def test_expired_correction_is_not_decided(owner, shop, manager, second):
    key = await request_correction(manager, correction_body(shop, await shop.agent(0), 100))
    async with owner.begin() as session:
        await session.execute(text("UPDATE approvals SET expires_at = now() - interval '1 second'"))

    answer = await decided(second, key)

    assert (answer.status_code, answer.json()["code"]) == (409, "approval_decided")
    assert (await manager.get(f"/v1/console/corrections/{key}")).json()["state"] == "expired"


async def test_corrections_are_listed_by_agent_and_page(shop, manager, second):
    first, other = await shop.agent(0), await shop.agent(0)
    keys = [await request_correction(manager, correction_body(shop, agent, 5)) for agent in (first, other, first)]

    page = (await manager.get("/v1/console/corrections", params={"limit": 2})).json()
    rest = (await manager.get("/v1/console/corrections", params={"cursor": page["next"]})).json()
    mine = (await manager.get("/v1/console/corrections", params={"card_number": first.card_number})).json()

    assert [one["id"] for one in page["items"] + rest["items"]] == keys[::-1]
    assert [one["id"] for one in mine["items"]] == [keys[2], keys[0]]


async def test_ledger_check_finds_altered_correction(owner, settings, shop, manager, second):
    agent = await shop.agent(0)
    await decided(second, await request_correction(manager, correction_body(shop, agent, 900)))
    await decided(second, await request_correction(manager, correction_body(shop, agent, -200)))

    right = await audit.audit_ledger(owner.engine, extra=ledger_audit.EXTRA)
    async with owner.begin() as session:
        await session.execute(text("UPDATE corrections SET amount = amount + 1 WHERE amount > 0"))
    wrong = await audit.audit_ledger(owner.engine, extra=[CORRECTIONS])
    async with owner.begin() as session:
        await session.execute(text("UPDATE corrections SET amount = amount - 1 WHERE amount > 0"))

    assert right.faults == []
    assert [fault.split(":")[0] for fault in wrong.faults] == ["a correction is not what it moved"]
