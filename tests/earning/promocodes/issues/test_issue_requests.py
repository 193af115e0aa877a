"""Requests for issues of promo codes: orders, limits, downloads, lists."""

import asyncio
import csv
import io
import uuid

import pytest
from sqlalchemy import select

from backend.core.db.events import Event
from backend.earning.promocodes.issues import service as issues
from backend.earning.promocodes.words import code_parser
from tests.earning.promocodes.issues.issue_client import JOBS, RULE, codes_of, made, one_step, order, path
from tests.make import World


async def test_repeated_order_is_idempotent_and_other_refused(db, manager, campaign):
    key = uuid.uuid4()
    first = await order(manager, campaign, key=key)
    again = await order(manager, campaign, key=key)
    while await one_step(db, str(key)):
        pass
    at_last = await order(manager, campaign, key=key)
    others = [
        await order(manager, campaign, key=key, **other)
        for other in ({"count": 101}, {"length": 10}, {"prefix": "SALE"})
    ]

    assert (first.status_code, again.status_code, at_last.status_code) == (202, 202, 200)
    assert first.json() == again.json()
    assert at_last.json()["state"] == "done"
    assert {(answer.status_code, answer.json()["code"]) for answer in others} == {(422, "body_changed")}
    assert len(await db.rows(JOBS)) == 1


async def test_concurrent_repeated_orders_make_one_issue(db, manager, campaign):
    key = uuid.uuid4()

    answers = await asyncio.gather(*(order(manager, campaign, key=key) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(await db.rows(JOBS)) == 1


@pytest.mark.parametrize("prefix", ["SUMMER", "ЗИМА"])
async def test_prefix_with_foreign_letter_is_refused(manager, campaign, prefix):
    answer = await order(manager, campaign, prefix=prefix)

    assert (answer.status_code, answer.json()["code"]) == (422, "prefix_invalid")


async def test_forbidden_prefix_is_refused(manager, campaign):
    answer = await order(manager, campaign, prefix="7сука")

    assert (answer.status_code, answer.json()["code"]) == (422, "wish_forbidden")


@pytest.mark.parametrize("body", [{"length": 16}, {"length": 12, "prefix": "SALE"}])
async def test_codes_of_package_code_length_are_refused(manager, campaign, body):
    answer = await order(manager, campaign, **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "like_package_codes")
    assert "16 symbols" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [{"count": 0}, {"count": 10_000_001}, {"length": 5}, {"length": 17}, {"prefix": "TOO LONG"}, {"prefix": "-"}],
)
async def test_invalid_order_is_refused(manager, campaign, body):
    answer = await order(manager, campaign, **body)

    assert answer.status_code == 400


async def test_prefix_in_another_spelling_shares_the_limit(manager, campaign):
    fits = await order(manager, campaign, count=3355, length=6, prefix="SALE-")
    others = [await order(manager, campaign, count=1, length=6, prefix=prefix) for prefix in ("sale", "5ALE", "S-ALE-")]

    assert fits.status_code == 202
    assert [answer.json().get("code") for answer in others] == ["codes_too_short", None, "codes_too_short"]


async def test_concurrent_orders_respect_the_limit(manager, campaign):
    answers = await asyncio.gather(*(order(manager, campaign, count=2000, length=6) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 5


async def test_guessable_codes_are_refused_with_required_length(manager, campaign):
    fits = await order(manager, campaign, count=3355, length=6)
    once_more = await order(manager, campaign, count=1, length=6)
    many = await order(manager, campaign, count=10_000_000, length=8)
    most = await order(manager, campaign, count=10_000_000)

    assert (fits.status_code, most.status_code) == (202, 202)
    assert {(answer.status_code, answer.json()["code"]) for answer in (once_more, many)} == {(422, "codes_too_short")}
    assert "at least 7 symbols" in once_more.json()["detail"]
    assert "at least 9 symbols" in many.json()["detail"]


async def test_campaign_must_exist_have_promo_rule_and_run(world: World, manager, campaign):
    programme = await world.programme(await world.brand_of(manager))
    without = await world.campaign(programme)
    over = await world.campaign(programme, RULE, state="ended")
    strangers = await world.campaign(await world.programme(), RULE)

    answers = [await order(manager, one) for one in (without, over, strangers)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "campaign_without_promo"),
        (409, "campaign_ended"),
        (404, "campaign_unknown"),
    ]


async def test_file_has_every_code_once_with_link(db, settings, manager, campaign, monkeypatch):
    monkeypatch.setattr(issues, "CSV_BATCH", 30)
    await made(db, manager, campaign, count=50)
    issue = await made(db, manager, campaign, count=100, prefix="SALE-")

    answer = await manager.get(path(issue["id"], "codes.csv"))

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    codes = await codes_of(db, issue["id"])
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="promo-codes-{issue["id"]}.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert [row["code"] for row in rows] == [code.shown for code in codes]
    assert [row["url"] for row in rows] == [f"{settings.base_url}/p/{code.shown}" for code in codes]
    assert rows[0]["code"].startswith("SALE-")


@pytest.mark.parametrize("prefix", ["FALL", "ЗEMА-26", ""])
async def test_issued_code_is_found_by_printed_link(db, settings, manager, campaign, client, prefix):
    issue = await made(db, manager, campaign, count=5, prefix=prefix, length=9)

    answer = await manager.get(path(issue["id"], "codes.csv"))

    for row in csv.DictReader(io.StringIO(answer.text, newline="")):
        assert row["url"] == code_parser.short_link(settings.base_url, row["code"])
        assert code_parser.parse_code(row["url"]) == code_parser.parse_code(row["code"])
        assert (await client.get(row["url"].removeprefix(settings.base_url))).status_code == 200


async def test_download_of_codes_is_recorded(db, manager, campaign):
    issue = await made(db, manager, campaign, count=5)

    await manager.get(path(issue["id"], "codes.csv"))

    async with db.begin() as session:
        event = await session.scalar(select(Event).where(Event.kind == "promo_issue.taken"))
    assert (event.staff_id, event.body) == (manager.id, {"issue": issue["id"], "codes": 5})


async def test_file_of_unfinished_issue_is_refused(db, manager, campaign):
    issue = (await order(manager, campaign)).json()
    await one_step(db, issue["id"])

    answer = await manager.get(path(issue["id"], "codes.csv"))

    stored = len(await codes_of(db, issue["id"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "issue_unfinished")
    assert f"{stored} of 100" in answer.json()["detail"]


async def test_issues_are_listed_newest_first_in_pages(manager, campaign):
    keys = [(await order(manager, campaign, count=count)).json()["id"] for count in (1, 2, 3)]

    first = (await manager.get("/v1/console/promo-issues?limit=2")).json()
    second = (await manager.get(f"/v1/console/promo-issues?limit=2&cursor={first['next']}")).json()

    assert [issue["id"] for issue in first["items"] + second["items"]] == keys[::-1]
    assert "next" not in second


async def test_issue_of_another_brand_is_unknown(world: World, manager, campaign):
    issue = (await order(manager, campaign)).json()
    stranger = await world.staff()

    answers = [await stranger.get(path(issue["id"])), await stranger.get(path(issue["id"], "codes.csv"))]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "issue_unknown")}
