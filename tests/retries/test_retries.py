"""Every mutating route of agents and tills is idempotent.

The routes come from the application. A new one fails here until a table in this package has a request for it.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import text

from backend.app import DEPENDENCIES, api
from backend.core.db.database import Database
from backend.core.security import tokens
from backend.identity.accounts.schemas import AccountCreated
from tests.make import World
from tests.retries.account_requests import ACCOUNT_REQUESTS
from tests.retries.agent_requests import AGENT_REQUESTS
from tests.retries.till_requests import TILL_REQUESTS

MUTATING = {"POST", "PUT", "PATCH", "DELETE"}
STAFF = ("/v1/console/", "/v1/staff/")
AT_ONCE = 16
REQUESTS = ACCOUNT_REQUESTS | AGENT_REQUESTS | TILL_REQUESTS
# Routes whose repeat may create another row, since the row has no value.
HARMLESS = {
    "POST /v1/accounts": "an unused account is a row without value, and creation is limited",
    "POST /v1/sessions/challenges": "a challenge is a row for five minutes, and requests are limited",
    "POST /v1/till/quotes": "a quote is not stored",
    "POST /v1/till/certificates/balance": "reading a balance changes nothing, and unknown codes are limited",
    "POST /v1/receipts/callbacks/{provider:str}": "a repeated callback changes nothing: test_callbacks.py",
    "POST /v1/passkeys/challenges": "a challenge is a row for five minutes, and requests are limited",
}


def mutating_routes() -> Iterator[str]:
    """The mutating routes of agents and tills."""
    for route in Litestar([api()], dependencies=DEPENDENCIES, openapi_config=None).routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods & MUTATING:
                if not route.path.startswith(STAFF):
                    yield f"{method} {route.path}"


def test_every_mutating_route_has_a_request():
    assert set(mutating_routes()) == REQUESTS.keys() | HARMLESS.keys()


@pytest.fixture(params=REQUESTS, ids=list(REQUESTS))
def prepare(request: pytest.FixtureRequest) -> Any:
    return REQUESTS[request.param]


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


async def number_of(db: Database, account: AccountCreated) -> int:
    return (await db.call(NUMBER, digest=tokens.digest(account.token))).account_id


async def test_retry_after_lost_response_has_no_effect(world: World, prepare):
    account = await world.account()
    number, repeated = await number_of(world.db, account), await prepare(world, account)

    first = await repeated.send(account)
    effect = await world.db.call(EFFECT, number=number)
    again = [await repeated.send(account) for _ in range(2)]

    assert first.is_success
    assert {answer.status_code for answer in again} <= set(repeated.again)
    assert not repeated.same or {answer.content for answer in again} == {first.content}
    assert await world.db.call(EFFECT, number=number) == effect


async def test_many_at_once_have_the_effect_of_one(world: World, prepare):
    alone, account = await world.account(), await world.account()
    numbers = [await number_of(world.db, row) for row in (alone, account)]
    await (await prepare(world, alone)).send(alone)
    repeated = await prepare(world, account)

    answers = await asyncio.gather(*(repeated.send(account) for _ in range(AT_ONCE)))

    bodies = {answer.content for answer in answers if answer.is_success}
    assert bodies
    assert {answer.status_code for answer in answers if not answer.is_success} <= {*repeated.again, 429, 503}
    assert not repeated.same or len(bodies) == 1
    expected, effect = [await world.db.call(EFFECT, number=number) for number in numbers]
    assert effect._replace(pin_failures=0) == expected


async def test_another_body_is_refused_and_changes_nothing(world: World, prepare):
    account = await world.account()
    number, repeated = await number_of(world.db, account), await prepare(world, account)
    if repeated.other is None:
        return
    await repeated.send(account)
    effect = await world.db.call(EFFECT, number=number)

    answer = await repeated.other(account)

    items = answer.json().get("items", [])
    assert answer.status_code in (403, 409, 422) or {row["reason"] for row in items} == {"body_changed"}
    after = await world.db.call(EFFECT, number=number)
    assert after._replace(pin_failures=0) == effect


async def test_request_id_of_another_agent_is_harmless(world: World, prepare):
    account, stranger = await world.account(), await world.account()
    number, repeated = await number_of(world.db, account), await prepare(world, account)
    other_number = await number_of(world.db, stranger)
    first = await repeated.send(account)
    effect = await world.db.call(EFFECT, number=number)

    answer = await repeated.send(stranger)

    assert answer.status_code in repeated.stranger
    assert first.content != answer.content or not first.content
    assert await world.db.call(EFFECT, number=number) == effect
    assert (await world.db.call(EFFECT, number=other_number)).available == 0
