"""Repeats are harmless: every mutating route of the agents' doors is called again, from the route table.

A new route fails here until `deeds.py` says how it is called and what a repeat must do.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import text

from backend import tokens
from backend.accounts.schemas import AccountNew
from backend.app import DEPENDENCIES, api
from backend.database import Database
from tests.make import World
from tests.scans.deeds import DEEDS, HARMLESS

MUTATING = {"POST", "PUT", "PATCH", "DELETE"}
STAFF = ("/v1/console/", "/v1/staff/")
AT_ONCE = 16


def mutating_routes() -> Iterator[str]:
    """The routes of everybody but staff that change something."""
    for route in Litestar([api()], dependencies=DEPENDENCIES, openapi_config=None).routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods & MUTATING:
                if not route.path.startswith(STAFF):
                    yield f"{method} {route.path}"


def test_every_mutating_route_says_what_a_repeat_does():
    assert set(mutating_routes()) == DEEDS.keys() | HARMLESS.keys()


@pytest.fixture(params=DEEDS, ids=list(DEEDS))
def prepare(request: pytest.FixtureRequest) -> Any:
    return DEEDS[request.param]


EFFECT = text("""
    SELECT (SELECT count(*) FROM devices WHERE account_id = a.id AND ended_at IS NULL) AS devices,
        (SELECT count(*) FROM passkeys WHERE account_id = a.id AND ended_at IS NULL) AS passkeys,
        (SELECT count(*) FROM scans WHERE account_id = a.id) AS scans,
        (SELECT count(*) FROM accruals WHERE account_id = a.id) AS accruals,
        (SELECT count(*) FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE w.owner_id = a.id) AS movements,
        (SELECT coalesce(sum(available), 0)::bigint FROM wallets WHERE owner_id = a.id) AS available,
        (SELECT count(*) FROM events WHERE account_id = a.id AND kind = 'package.claimed') AS claims,
        a.pin_hash IS NOT NULL AS has_pin, a.pin_failures, a.closed_at IS NOT NULL AS closed
    FROM accounts a WHERE a.id = :number
""")
NUMBER = text("SELECT account_id FROM devices WHERE token_digest = :digest")


async def number_of(db: Database, account: AccountNew) -> int:
    return (await db.call(NUMBER, digest=tokens.digest(account.token))).account_id


async def test_a_repeat_after_a_lost_answer_has_no_second_effect(world: World, prepare):
    account = await world.account()
    number, deed = await number_of(world.db, account), await prepare(world, account)

    first = await deed.send(account)
    effect = await world.db.call(EFFECT, number=number)
    again = [await deed.send(account) for _ in range(2)]

    assert first.is_success
    assert {answer.status_code for answer in again} <= set(deed.again)
    assert not deed.same or {answer.content for answer in again} == {first.content}
    assert await world.db.call(EFFECT, number=number) == effect


async def test_many_at_once_have_the_effect_of_one(world: World, prepare):
    alone, account = await world.account(), await world.account()
    numbers = [await number_of(world.db, row) for row in (alone, account)]
    await (await prepare(world, alone)).send(alone)
    deed = await prepare(world, account)

    answers = await asyncio.gather(*(deed.send(account) for _ in range(AT_ONCE)))

    bodies = {answer.content for answer in answers if answer.is_success}
    assert bodies
    assert {answer.status_code for answer in answers if not answer.is_success} <= {*deed.again, 429, 503}
    assert not deed.same or len(bodies) == 1
    expected, effect = [await world.db.call(EFFECT, number=number) for number in numbers]
    assert effect._replace(pin_failures=0) == expected


async def test_another_body_is_refused_and_changes_nothing(world: World, prepare):
    account = await world.account()
    number, deed = await number_of(world.db, account), await prepare(world, account)
    if deed.other is None:
        return
    await deed.send(account)
    effect = await world.db.call(EFFECT, number=number)

    answer = await deed.other(account)

    items = answer.json().get("items", [])
    assert answer.status_code in (403, 409, 422) or {row["reason"] for row in items} == {"body_changed"}
    after = await world.db.call(EFFECT, number=number)
    assert after._replace(pin_failures=0) == effect


async def test_another_agent_who_sends_it_neither_gains_nor_harms(world: World, prepare):
    account, stranger = await world.account(), await world.account()
    number, deed = await number_of(world.db, account), await prepare(world, account)
    theirs = await number_of(world.db, stranger)
    first = await deed.send(account)
    effect = await world.db.call(EFFECT, number=number)

    answer = await deed.send(stranger)

    assert answer.status_code in deed.stranger
    assert first.content != answer.content or not first.content
    assert await world.db.call(EFFECT, number=number) == effect
    assert (await world.db.call(EFFECT, number=theirs)).available == 0
