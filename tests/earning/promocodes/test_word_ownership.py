"""Ownership of words: added runs, reopened codes, released words."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.programmes.rules.rule import PercentAmount, Promo
from tests.checkout.till_client import BASKET, shopping_at
from tests.make import bearer, caller

OLD = text("UPDATE promo_codes SET created_at = created_at - interval '2 days'")
CLOSED_LONG_AGO = text("UPDATE promo_codes SET closed_at = closed_at - interval '31 days' WHERE closed_at IS NOT NULL")
VIEWED = text("INSERT INTO promo_views (code_id, n, day, views) SELECT id, 0, current_date, 1 FROM promo_codes")


@pytest.fixture
async def shopping(world):
    return await shopping_at(world)


@pytest.fixture
async def campaign(shopping):
    return await shopping.offer()


@pytest.fixture
async def agent(world):
    return await world.account()


@pytest.fixture
async def other(world):
    return await world.account()


class Codes:
    """Promo codes over HTTP."""

    def __init__(self, world, campaign):
        self.world, self.campaign = world, campaign

    async def make(self, account, wish=None, key=None, campaign=None, **fields):
        campaign = campaign or self.campaign
        body = {"programme_id": campaign.programme_id, "campaign": campaign.id, "wish": wish} | fields
        return await self.ask(account, "PUT", key or uuid.uuid4(), body)

    async def ask(self, account, method, path, body=None):
        return await self.world.client.request(method, f"/v1/promo-codes/{path}", json=body, headers=bearer(account))

    async def closed(self, account, wish, **more):
        """Create and close a code. Returns its id."""
        key = uuid.uuid4()
        await self.make(account, wish, key)
        if more.get("sold"):
            await more["sold"](wish)
        await self.ask(account, "DELETE", key)
        return key


@pytest.fixture
def codes(world, campaign):
    return Codes(world, campaign)


def status_and_code(answer):
    return answer.status_code, answer.json()["code"]


async def test_code_gets_another_run_with_link(codes, agent, shopping):
    key = uuid.uuid4()
    await codes.make(agent, "IVAN7", key, runs=["chat"])

    added = [await codes.ask(agent, "PUT", f"{key}/runs/2", {"name": "fridge magnet"}) for _ in range(2)]
    await shopping.sell("IVAN7.2")

    assert [answer.status_code for answer in added] == [200, 200]
    assert added[0].json()["runs"][1] == {"n": 2, "name": "fridge magnet", "url": "http://scanback.test/p/IVAN7.2"}
    (code,) = (await codes.ask(agent, "GET", "")).json()["items"]
    assert [(run["n"], run.get("came", 0)) for run in code["runs"]] == [(0, 0), (1, 0), (2, 1)]


async def test_run_of_foreign_or_closed_code_is_refused(codes, agent, other):
    key = uuid.uuid4()
    await codes.make(agent, "IVAN7", key, runs=["chat"])

    renamed = await codes.ask(agent, "PUT", f"{key}/runs/1", {"name": "magnet"})
    foreign = await codes.ask(other, "PUT", f"{key}/runs/2", {"name": "magnet"})
    beyond = await codes.ask(agent, "PUT", f"{key}/runs/100", {"name": "magnet"})
    await codes.ask(agent, "DELETE", key)
    closed = await codes.ask(agent, "PUT", f"{key}/runs/2", {"name": "magnet"})

    assert [status_and_code(answer) for answer in (renamed, foreign, beyond, closed)] == [
        (422, "body_changed"),
        (404, "promo_code_unknown"),
        (400, "validation_failed"),
        (409, "promo_code_closed"),
    ]


async def test_closed_code_reopened_has_its_figures(codes, agent, shopping):
    key = await codes.closed(agent, "IVAN7", sold=shopping.sell)
    closed = await shopping.quote("IVAN7")

    opened = [await codes.ask(agent, "PUT", f"{key}/open") for _ in range(2)]

    assert closed["refused"][0]["reason"] == "closed"
    assert [answer.status_code for answer in opened] == [200, 200]
    assert (await shopping.quote("IVAN7"))["discount"] == 667
    (code,) = (await codes.ask(agent, "GET", "")).json()["items"]
    assert ("closed_at" in code, code["runs"][0]["came"]) == (False, 1)


async def test_reopened_code_respects_offer_limits(codes, agent, other, shopping, world):
    few = await shopping.offer(Promo(PercentAmount(500), codes_per_agent=1))
    keys = [uuid.uuid4() for _ in range(2)]
    await codes.make(agent, "FIRST", keys[0], few)
    await codes.ask(agent, "DELETE", keys[0])
    await codes.make(agent, "SECOND", keys[1], few)

    full = await codes.ask(agent, "PUT", f"{keys[0]}/open")
    foreign = await codes.ask(other, "PUT", f"{keys[0]}/open")
    await codes.ask(agent, "DELETE", keys[1])
    await world.db.rows(text("UPDATE campaigns SET state = 'ended'"))
    await world.db.rows(text("UPDATE programmes SET rules_version = rules_version + 1"))
    ended = await codes.ask(agent, "PUT", f"{keys[0]}/open")

    assert [status_and_code(answer) for answer in (full, foreign, ended)] == [
        (409, "codes_full"),
        (404, "promo_code_unknown"),
        (404, "promo_offer_unknown"),
    ]


async def test_unused_closed_code_releases_its_word(codes, agent, other, shopping):
    key = await codes.closed(agent, "Анна7")

    reused = await codes.make(other, "АННА7")
    back = await codes.ask(agent, "PUT", f"{key}/open")
    await shopping.sell("Анна7")

    assert (reused.status_code, reused.json()["code"]) == (200, "АННА7")
    assert status_and_code(back) == (409, "wish_taken")
    assert [row["code"] for row in (await codes.ask(agent, "GET", "")).json()["items"]] == ["АННА7"]
    assert (await codes.ask(other, "GET", "")).json()["items"][0]["runs"][0]["came"] == 1
    assert "came" not in (await codes.ask(agent, "GET", "")).json()["items"][0]["runs"][0]


async def test_unused_word_is_free_for_its_agent(codes, agent, world):
    key = await codes.closed(agent, "IVAN7")
    await world.db.rows(OLD)
    await world.db.rows(VIEWED)

    again = await codes.make(agent, "IVAN7", runs=["one run more"])

    assert again.status_code == 200
    assert status_and_code(await codes.ask(agent, "PUT", f"{key}/open")) == (409, "wish_taken")


async def test_used_word_stays_with_its_agent(codes, agent, other, shopping, world):
    await codes.closed(agent, "IVAN7", sold=shopping.sell)
    await world.db.rows(CLOSED_LONG_AGO)
    elsewhere = await shopping.offer()

    foreign = await codes.make(other, "IVAN7")
    within = await codes.make(agent, "IVAN7")
    moved = await codes.make(agent, "IVAN7", campaign=elsewhere)

    assert [status_and_code(foreign), status_and_code(within)] == [(409, "wish_taken"), (409, "wish_yours")]
    assert (moved.status_code, moved.json()["campaign"]) == (200, elsewhere.id)


@pytest.mark.parametrize("seen", [OLD, VIEWED])
async def test_word_with_possible_cards_is_blocked_for_days(codes, agent, other, world, seen):
    key = uuid.uuid4()
    await codes.make(agent, "IVAN7", key)
    await world.db.rows(seen)
    await codes.ask(agent, "DELETE", key)

    at_once = await codes.make(other, "IVAN7")
    await world.db.rows(CLOSED_LONG_AGO)
    later = await codes.make(other, "IVAN7")

    assert (status_and_code(at_once), later.status_code) == ((409, "wish_taken"), 200)


async def test_reserved_or_open_word_is_refused(codes, agent, other, shopping):
    key = uuid.uuid4()
    await codes.make(agent, "IVAN7", key)
    await shopping.ask("PUT", "reservations/cart", {"codes": ["IVAN7"], "basket": BASKET})
    is_open = await codes.make(other, "IVAN7")
    own = await codes.make(agent, "IVAN7")
    await codes.ask(agent, "DELETE", key)

    reserved = await codes.make(other, "IVAN7")

    assert [status_and_code(answer) for answer in (is_open, own, reserved)] == [
        (409, "wish_taken"),
        (409, "wish_yours"),
        (409, "wish_taken"),
    ]


async def test_free_word_requested_concurrently_has_one_owner(codes, agent, world):
    key = await codes.closed(agent, "MASTER")
    others = [await world.account() for _ in range(6)]

    answers = await asyncio.gather(
        codes.ask(agent, "PUT", f"{key}/open"), *(codes.make(each, "MASTER") for each in others)
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 6


async def test_sale_before_transfer_pays_the_former_agent(codes, agent, other, shopping, world):
    await codes.closed(agent, "IVAN7")
    await codes.make(other, "IVAN7")
    before = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    sale = {"id": "o1", "taken_at": before, "discount": 667, "codes": ["IVAN7"], "basket": BASKET}

    settled = (await shopping.ask("POST", "sales/batch", {"sales": [sale]})).json()["items"]

    assert [row["reason"] for row in settled[0]["conflicts"]] == ["unknown"]
    assert (await world.home(other))["wallets"] == []


async def test_words_per_account_and_day_are_limited(codes, agent, world, number):
    number("promo_wishes_per_day", 2)
    for word in ("FIRST", "SECOND"):
        await codes.closed(agent, word)
    first = await codes.make(agent, "SECOND7")

    drawn = await codes.make(agent)

    assert status_and_code(first) == (429, "too_many_requests")
    assert int(first.headers["Retry-After"]) > 80_000
    assert drawn.status_code == 200
    assert await world.db.rows(text("SELECT FROM promo_codes WHERE code = 'SEC0ND7'")) == []


async def test_words_per_network_are_limited(app, codes, world, number):
    number("promo_wishes_per_day_per_network", 3)
    burner, honest = caller(app, "192.0.2.1"), caller(app, "192.0.3.1")

    async def request_word(client, word):
        body = {"programme_id": codes.campaign.programme_id, "wish": word}
        headers = bearer(await world.account())
        return await client.put(f"/v1/promo-codes/{uuid.uuid4()}", json=body, headers=headers)

    burnt = [(await request_word(burner, f"WORD{n}")).status_code for n in range(5)]

    assert burnt == [200] * 3 + [429] * 2
    assert (await request_word(honest, "WORD9")).status_code == 200


@pytest.mark.parametrize("wish", ["TEPLO", "ТЕРLО", "tepl0"])
async def test_brand_name_as_word_is_refused(codes, agent, world, wish):
    await world.brand("Tep-lo!")

    assert status_and_code(await codes.make(agent, wish)) == (422, "wish_forbidden")
    assert (await codes.make(agent, "TEPLO7")).status_code == 200
