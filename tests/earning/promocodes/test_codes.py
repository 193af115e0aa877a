"""Promo codes of agents: creation, repeated requests, limits, lists."""

import asyncio
import runpy
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from backend import migrations
from backend.earning.promocodes.models import PromoCode
from backend.earning.promocodes.words import code_parser
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from scanning.codes import symbols
from tests.make import World, bearer


def rule(**promo):
    return Rule(
        ways=frozenset({"promo"}), amount=PercentAmount(1000), hold_days=14, promo=Promo(PercentAmount(500), **promo)
    )


@pytest.fixture
async def programme(world: World):
    return await world.programme(currency="RUB")


@pytest.fixture
async def account(world: World):
    return await world.account()


async def make(world, account, programme, key=None, **fields):
    body = {"programme_id": programme.id} | fields
    return await world.client.put(f"/v1/promo-codes/{key or uuid.uuid4()}", json=body, headers=bearer(account))


async def close(world, account, key):
    return await world.client.delete(f"/v1/promo-codes/{key}", headers=bearer(account))


async def listed(world, account, **params):
    return (await world.client.get("/v1/promo-codes", params=params, headers=bearer(account))).json()


async def test_requested_word_becomes_code_with_link_per_run(world: World, account, programme):
    campaign = await world.campaign(programme, rule())

    made = await make(world, account, programme, wish="Ivan7", runs=["fridge magnet", "chat"], nickname="Ivan")

    base = "http://scanback.test/p/IVAN7"
    assert made.status_code == 200
    answer = made.json()
    uuid.UUID(answer.pop("id"))
    assert answer == {
        "code": "IVAN7",
        "url": base,
        "programme_id": programme.id,
        "campaign": campaign.id,
        "runs": [
            {"n": 1, "name": "fridge magnet", "url": f"{base}.1"},
            {"n": 2, "name": "chat", "url": f"{base}.2"},
        ],
        "nickname": "Ivan",
    }


async def test_code_without_word_is_drawn_with_check_symbol(world: World, account, programme):
    await world.campaign(programme, rule())

    codes = [(await make(world, account, programme)).json()["code"] for _ in range(5)]

    assert len(set(codes)) == 5
    assert all(len(code) == 8 and symbols.has_valid_check(code) for code in codes)


async def test_repeated_request_is_idempotent_and_other_body_refused(world: World, account, programme):
    await world.campaign(programme, rule())
    key = uuid.uuid4()
    first = await make(world, account, programme, key, runs=["chat"])
    await close(world, account, key)

    again = await make(world, account, programme, key, runs=["chat"])
    other = await make(world, account, programme, key, runs=["card"])

    assert again.content == first.content
    assert (other.status_code, other.json()["code"]) == (422, "body_changed")
    assert len((await listed(world, account))["items"]) == 1


async def test_word_in_another_spelling_is_a_conflict(world: World, account, programme):
    await world.campaign(programme, rule())
    other = await world.account()
    await make(world, account, programme, wish="ТОМОС10")

    answers = [await make(world, other, programme, wish=wish) for wish in ("ТОМОС10", "tomocio", "T0M0C1O")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "wish_taken")] * 3


@pytest.mark.parametrize("wish", ["\u202dЁЛКА\u202c", "«Ёлка»", "Ё\u200bЛКА.", "Е\u0308ЛКА", "ёлка\ufe0f"])
async def test_pasted_word_loses_invisible_characters(world: World, account, programme, wish):
    await world.campaign(programme, rule())

    made = await make(world, account, programme, wish=wish)
    again = await make(world, await world.account(), programme, wish="ЕЛКА")

    assert (made.status_code, made.json()["code"]) == (200, "ЁЛКА")
    assert again.json()["code"] == "wish_taken"


async def test_released_codes_are_found_by_new_folding(world: World, programme):
    campaign = await world.campaign(programme, rule())
    for word in ("ЁЛЬ", "MЁД", "MEД"):
        await world.add(PromoCode(code=word, brand_id=campaign.brand_id, campaign_id=campaign.id))
    (step,) = Path(migrations.__path__[0], "versions").glob("*_promo_code_folding.py")

    async with world.db.begin() as session:
        await session.execute(text(runpy.run_path(str(step))["FOLD"]))

    rows = await world.db.rows(text("SELECT code, shown FROM promo_codes ORDER BY id"))
    assert [tuple(row) for row in rows] == [("EЛЬ", "ЁЛЬ"), ("MЁД", None), ("MEД", None)]
    assert code_parser.parse_code("ёль") == ("EЛЬ", 0)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ("ABC", 422, "wish_length"),
        ("ABCDEFGHJ", 422, "wish_length"),
        ("AB", 400, "validation_failed"),
        ("A" * 17, 400, "validation_failed"),
        ("IVAN 7", 400, "validation_failed"),
        ("IVAN.7", 400, "validation_failed"),
        ("汉字汉字", 400, "validation_failed"),
        ("admin", 422, "wish_forbidden"),
        ("TEST12", 422, "wish_forbidden"),
        ("АДМИН1", 422, "wish_forbidden"),
        ("xСУКАx", 422, "wish_forbidden"),
        ("SUPERSH1T", 422, "wish_forbidden"),
        ("96385074", 422, "wish_forbidden"),  # a GTIN-8
    ],
)
async def test_invalid_word_is_refused(world: World, account, programme, wish, status, code):
    await world.campaign(programme, rule(shortest=4, longest=8))

    answer = await make(world, account, programme, wish=wish)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await listed(world, account) == {"items": []}


async def test_word_read_as_package_code_is_refused(world: World, account, programme):
    await world.campaign(programme, rule())
    body = "MASTER7K2M9XJ4T"

    package = await make(world, account, programme, wish=body + symbols.check_symbol(body))
    word = await make(world, account, programme, wish=body + symbols.check_symbol(body[::-1]))

    assert package.json()["code"] == "wish_forbidden"
    assert word.status_code == 200


async def test_code_gets_requested_offer_or_highest_priority(world: World, account, programme):
    low = await world.campaign(programme, rule())
    high = await world.campaign(programme, rule(priority=5))
    newest = await world.campaign(programme, rule(priority=5))
    await world.campaign(programme, rule(priority=9), state="paused")
    await world.campaign(programme, rule(priority=9, codes_per_agent=0))
    await world.campaign(programme)

    best = await make(world, account, programme)
    requested = [await make(world, account, programme, campaign=campaign.id) for campaign in (low, high)]

    assert [answer.json()["campaign"] for answer in (best, *requested)] == [newest.id, low.id, high.id]


async def test_code_without_open_offer_is_refused(world: World, account, programme):
    paused = await world.campaign(programme, rule(), state="paused")

    answers = [
        await make(world, account, programme),
        await make(world, account, programme, campaign=paused.id),
        await make(world, account, await world.programme()),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "promo_offer_unknown")] * 3


async def test_concurrent_requests_respect_limit_of_open_codes(world: World, account, programme):
    await world.campaign(programme, rule(codes_per_agent=3))
    keys = [uuid.uuid4() for _ in range(12)]

    answers = await asyncio.gather(*(make(world, account, programme, key) for key in keys))

    codes = sorted(answer.json().get("code") for answer in answers if answer.status_code == 409)
    made = [key for key, answer in zip(keys, answers, strict=True) if answer.status_code == 200]
    assert (len(made), codes) == (3, ["codes_full"] * 9)
    assert (await close(world, account, made[0])).status_code == 204
    assert (await make(world, account, programme)).status_code == 200


async def test_concurrently_requested_word_has_one_owner(world: World, programme):
    await world.campaign(programme, rule())
    accounts = [await world.account() for _ in range(8)]

    answers = await asyncio.gather(*(make(world, each, programme, wish="MASTER") for each in accounts))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_concurrent_repeated_request_makes_one_code(world: World, account, programme):
    await world.campaign(programme, rule())
    key = uuid.uuid4()

    answers = await asyncio.gather(*(make(world, account, programme, key) for _ in range(6)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].status_code == 200


async def test_codes_of_another_agent_are_unknown(world: World, account, programme):
    await world.campaign(programme, rule())
    key, stranger = uuid.uuid4(), await world.account()
    await make(world, account, programme, key)

    closed = await close(world, stranger, key)

    assert (closed.status_code, closed.json()["code"]) == (404, "promo_code_unknown")
    assert await listed(world, stranger) == {"items": []}
    assert "closed_at" not in (await listed(world, account))["items"][0]


async def test_codes_are_listed_newest_first_in_pages(world: World, account, programme):
    await world.campaign(programme, rule())
    made = [(await make(world, account, programme)).json()["code"] for _ in range(3)]

    first = await listed(world, account, limit=2)
    second = await listed(world, account, limit=2, cursor=first["next"])

    assert [row["code"] for row in first["items"] + second["items"]] == made[::-1]
    assert "next" not in second


async def test_runs_have_counters_and_list_has_etag(world: World, account, programme):
    await world.campaign(programme, rule(minimum=100000))
    await make(world, account, programme, wish="IVAN7", runs=["chat"])
    async with world.db.begin() as session:
        counting = "SELECT promocodes_count(id, :n, :came, :sum, :bonus, current_date + :days) FROM promo_codes"
        counted = [(0, 1, 5000, 500, 14), (1, 1, 9000, 900, 14), (1, 1, 1000, 100, -1)]
        for n, came, paid, bonus, days in [*counted, (1, 0, -2000, -200, 14), (7, 1, 10, 0, 3)]:
            values = {"n": n, "came": came, "sum": paid, "bonus": bonus, "days": days}
            await session.execute(text(counting), values)
        await session.execute(
            text(
                "INSERT INTO promo_views SELECT id, 1, current_date - d, 4 FROM promo_codes, generate_series(0, 1) AS d"
            )
        )

    answer = await world.client.get("/v1/promo-codes", headers=bearer(account))
    again = await world.client.get(
        "/v1/promo-codes", headers=bearer(account) | {"If-None-Match": answer.headers["ETag"]}
    )

    (code,) = answer.json()["items"]
    assert code["offer"] == "5% off, from 1,000\xa0RUB"
    assert code["runs"] == [
        {"n": 0, "url": "http://scanback.test/p/IVAN7", "came": 2, "sum": 5010, "bonus": {"pending": 500}},
        {
            "n": 1,
            "url": "http://scanback.test/p/IVAN7.1",
            "name": "chat",
            "views": 8,
            "came": 2,
            "sum": 8000,
            "bonus": {"pending": 700, "paid": 100, "returned": 200},
        },
    ]
    assert again.status_code == 304


async def test_codes_per_hour_are_limited(world: World, account, programme, number):
    await world.campaign(programme, rule())
    number("promo_codes_per_hour", 2)
    key = uuid.uuid4()
    first = await make(world, account, programme, key)

    answers = [await make(world, account, programme) for _ in range(2)]
    repeat = await make(world, account, programme, key)

    assert [answer.status_code for answer in answers] == [200, 429]
    assert repeat.content == first.content


async def test_fixed_offer_in_points_is_shown_in_roubles(world: World, account):
    programme = await world.programme(currency="PTS")
    fixed = Rule(ways=frozenset({"promo"}), amount=FixedAmount(10), promo=Promo(FixedAmount(30000)))
    await world.campaign(programme, fixed)
    await make(world, account, programme)

    headers = bearer(account) | {"Accept-Language": "ru"}
    (code,) = (await world.client.get("/v1/promo-codes", headers=headers)).json()["items"]

    assert (code["offer"], code["currency"]) == ("Скидка 300\xa0₽", "PTS")


async def test_word_with_line_break_is_refused(world: World, account, programme):
    await world.campaign(programme, rule())

    made = await make(world, account, programme, wish="IVAN7\n")

    assert (made.status_code, made.json()["code"]) == (400, "validation_failed")
