"""Bulk issues of promo codes: orders, generation in parts, download."""

import asyncio
import csv
import io
import uuid

import pytest
from sqlalchemy import func, select, text

from backend.core.db.events import Event
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.issues import service as issues
from backend.earning.promocodes.issues.random_codes import Design, draw_codes, shortest_length
from backend.earning.promocodes.models import PromoCode, PromoIssue
from backend.earning.promocodes.words import spelling
from backend.earning.promocodes.words.forbidden import is_forbidden
from backend.programmes.rules.rule import Percent, Promo, Rule
from scanning import symbols
from tests.make import World
from tests.worker.working import until, working

JOBS = text("SELECT task_name, args FROM procrastinate_jobs ORDER BY id")
RULE = Rule(ways=frozenset({"promo"}), amount=Percent(300), promo=Promo(discount=Percent(500)))


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def campaign(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))
    return await world.campaign(programme, RULE)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(code_generation, "PART", 40)


def path(key, *more):
    return "/".join(["/v1/console/promo-issues", str(key), *more])


async def order(manager, campaign, count=100, key=None, **fields):
    return await manager.put(path(key or uuid.uuid4()), {"campaign": campaign.key, "count": count} | fields)


async def one_step(db, key):
    """Run one job without enqueueing the next."""
    async with db.begin() as session:
        issue = await session.scalar(select(PromoIssue.id).where(PromoIssue.key == uuid.UUID(key)))
        return await code_generation.generate_part(session, issue)


async def made(db, manager, campaign, **fields):
    """A finished issue."""
    issue = (await order(manager, campaign, **fields)).json()
    while await one_step(db, issue["id"]):
        pass
    return (await manager.get(path(issue["id"]))).json()


async def codes_of(db, key):
    async with db.begin() as session:
        query = select(PromoCode).join(PromoIssue, PromoIssue.id == PromoCode.issue_id)
        return list(await session.scalars(query.where(PromoIssue.key == uuid.UUID(key)).order_by(PromoCode.id)))


async def test_worker_makes_exact_count_of_ordered_codes(db, settings, manager, campaign):
    async def done():
        seen = (await manager.get(path(ordered.json()["id"]))).json()
        return seen if seen["state"] == "done" else None

    async with working(settings):
        ordered = await order(manager, campaign)
        seen = await until(done)

    codes = await codes_of(db, seen["id"])
    assert ordered.status_code == 202
    assert (ordered.json()["state"], ordered.json()["count"], ordered.json()["done"]) == ("waiting", 100, 0)
    assert (seen["done"], len(codes), len({row.code for row in codes})) == (100, 100, 100)
    assert {(row.brand_id, row.campaign_id, row.account_id) for row in codes} == {(manager.brand_id, campaign.id, None)}
    assert all(len(row.code) == 9 and symbols.has_valid_check(row.code) for row in codes)


async def test_progress_counts_stored_codes(db, manager, campaign):
    issue = (await order(manager, campaign)).json()

    await one_step(db, issue["id"])

    seen = (await manager.get(path(issue["id"]))).json()
    assert (seen["state"], seen["done"]) == ("working", len(await codes_of(db, issue["id"])))
    assert 30 < seen["done"] <= 40  # fewer if a drawn code contains a forbidden word
    assert "done_at" not in seen


async def test_job_killed_between_parts_continues(db, manager, campaign):
    issue = (await order(manager, campaign)).json()
    await one_step(db, issue["id"])

    class Killed(Exception):
        pass

    async def killed_after_its_work():
        async with db.begin() as session:
            found = await session.scalar(select(PromoIssue.id).where(PromoIssue.key == uuid.UUID(issue["id"])))
            await code_generation.generate_part(session, found)
            raise Killed

    with pytest.raises(Killed):
        await killed_after_its_work()
    before = (await manager.get(path(issue["id"]))).json()
    stored = len(await codes_of(db, issue["id"]))
    while await one_step(db, issue["id"]):
        pass

    after = (await manager.get(path(issue["id"]))).json()
    codes = {row.code for row in await codes_of(db, issue["id"])}
    assert (before["state"], before["done"]) == ("working", stored)
    assert (after["state"], after["done"], len(codes)) == ("done", 100, 100)


async def test_each_part_except_the_last_enqueues_the_next(db, settings, manager, campaign):
    await order(manager, campaign, count=80)
    (first,) = await db.rows(JOBS)

    jobs = []
    for _ in range(5):
        await code_generation.make_codes(**first.args, db=db, settings=settings)
        jobs.append(len(await db.rows(JOBS)))

    assert first.task_name == "promo.make_codes"
    # The first part enqueues the second; replaced codes may need a third. A finished issue enqueues none.
    assert jobs in ([2, 2, 2, 2, 2], [2, 3, 3, 3, 3])


async def test_concurrent_workers_make_exact_count(db, manager, campaign):
    issue = (await order(manager, campaign, count=333)).json()

    async def worker():
        while await one_step(db, issue["id"]):
            pass

    await asyncio.gather(worker(), worker(), worker())

    seen = (await manager.get(path(issue["id"]))).json()
    async with db.begin() as session:
        events = await session.scalar(select(func.count()).where(Event.kind == "promo_issue.done"))
    assert (seen["state"], seen["done"], len(await codes_of(db, issue["id"])), events) == ("done", 333, 333, 1)


async def test_existing_codes_are_replaced_by_others(db, manager, campaign, monkeypatch):
    first = await made(db, manager, campaign, count=40)
    existing = [row.code for row in await codes_of(db, first["id"])]
    drawn = []

    def unlucky(count, design):
        fresh = draw_codes(count, design)
        drawn.append(sorted(existing[: count // 2] + fresh[count // 2 :]))
        return drawn[-1]

    monkeypatch.setattr(code_generation, "draw_codes", unlucky)
    second = await made(db, manager, campaign, count=60)

    codes = {row.code for row in await codes_of(db, second["id"])}
    assert sum(map(len, drawn)) > 60
    assert (second["done"], len(codes), codes & set(existing)) == (60, 60, set())


async def test_code_with_forbidden_word_is_replaced(db, manager, campaign, monkeypatch):
    drawn = []

    def rude(count, design):
        drawn.append(sorted([*draw_codes(count, design)[1:], "7CYKA7777"]))
        return drawn[-1]

    monkeypatch.setattr(code_generation, "draw_codes", rude)
    issue = (await order(manager, campaign, count=45)).json()
    await one_step(db, issue["id"])

    codes = {row.code for row in await codes_of(db, issue["id"])}
    assert "7CYKA7777" not in codes
    assert codes == {code for code in drawn[0] if not is_forbidden(code, None)}


async def test_newly_forbidden_prefix_stops_issue_until_allowed_again(db, tmp_path, manager, campaign):
    issue = (await order(manager, campaign, prefix="SALE")).json()
    words = tmp_path / "words.txt"
    words.write_text("sale\n", "utf-8")
    async with db.begin() as session:
        found = await session.scalar(select(PromoIssue.id))
        more = await code_generation.generate_part(session, found, words)
    failed = (await manager.get(path(issue["id"]))).json()

    again = await order(manager, campaign, key=issue["id"], prefix="SALE")
    while await one_step(db, issue["id"]):
        pass

    assert (more, failed["state"], failed["done"]) == (False, "failed", 0)
    assert "forbidden" in failed["problem"]
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert "problem" not in again.json()
    assert len(await db.rows(JOBS)) == 2
    assert (await manager.get(path(issue["id"]))).json()["done"] == 100


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


async def test_prefix_is_shown_as_written_and_stored_folded(db, manager, campaign):
    issue = await made(db, manager, campaign, count=50, prefix="Зима-26".replace("и", "e"), length=8)

    codes = await codes_of(db, issue["id"])
    assert {(row.code[:6], row.shown[:7]) for row in codes} == {("3EMA26", "ЗEМА-26")}
    assert all(row.code == symbols.fold(row.shown) and len(row.code) == 14 for row in codes)
    assert all(symbols.has_valid_check(row.code) for row in codes)


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
        assert row["url"] == spelling.short_link(settings.base_url, row["code"])
        assert spelling.parse_code(row["url"]) == spelling.parse_code(row["code"])
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


def test_drawn_codes_are_sorted_unique_and_use_all_symbols():
    codes = draw_codes(20_000, Design(9, "NY"))

    assert codes == sorted(set(codes))
    assert all(code.startswith("NY") and len(code) == 11 for code in codes)
    assert all(symbols.has_valid_check(code) for code in codes)
    assert all({code[place] for code in codes} == set(symbols.ALPHABET) for place in range(2, 11))


def test_drawn_codes_contain_a_letter():
    codes = draw_codes(200_000, Design(6))

    assert 150_000 < len(codes) < 200_000
    assert not [code for code in codes if code.isdigit()]


def test_shortest_length_has_ten_thousand_possible_codes_each():
    assert [shortest_length(count) for count in (3355, 3356, 107_374, 107_375, 10_000_000)] == [6, 7, 7, 8, 9]
