"""Promo codes in bulk: ordered, made part by part, and taken as a file."""

import asyncio
import csv
import io
import uuid

import pytest
from sqlalchemy import func, select, text

from backend.events import Event
from backend.programmes.rules import Percent, Promo, Rule
from backend.promocodes import issues, issuing
from backend.promocodes.drawing import Design, draw, shortest
from backend.promocodes.models import PromoCode, PromoIssue
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
    monkeypatch.setattr(issuing, "PART", 40)


def path(key, *more):
    return "/".join(["/v1/console/promo-issues", str(key), *more])


async def order(manager, campaign, count=100, key=None, **fields):
    return await manager.put(path(key or uuid.uuid4()), {"campaign": campaign.key, "count": count} | fields)


async def one_step(db, key):
    """What one job does but for enqueueing the next."""
    async with db.begin() as session:
        issue = await session.scalar(select(PromoIssue.id).where(PromoIssue.key == uuid.UUID(key)))
        return await issuing.step(session, issue)


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


async def test_the_worker_makes_what_was_ordered_to_the_exact_count(db, settings, manager, campaign):
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


async def test_progress_grows_by_what_is_really_stored(db, manager, campaign):
    issue = (await order(manager, campaign)).json()

    await one_step(db, issue["id"])

    seen = (await manager.get(path(issue["id"]))).json()
    assert (seen["state"], seen["done"], len(await codes_of(db, issue["id"]))) == ("working", 40, 40)
    assert "done_at" not in seen


async def test_a_job_that_falls_between_two_parts_goes_on_where_it_was(db, manager, campaign):
    issue = (await order(manager, campaign)).json()
    await one_step(db, issue["id"])

    class Killed(Exception):
        pass

    async def killed_after_its_work():
        async with db.begin() as session:
            found = await session.scalar(select(PromoIssue.id).where(PromoIssue.key == uuid.UUID(issue["id"])))
            await issuing.step(session, found)
            raise Killed

    with pytest.raises(Killed):
        await killed_after_its_work()
    before = (await manager.get(path(issue["id"]))).json()
    while await one_step(db, issue["id"]):
        pass

    after = (await manager.get(path(issue["id"]))).json()
    codes = {row.code for row in await codes_of(db, issue["id"])}
    assert before["done"] == 40
    assert (after["state"], after["done"], len(codes)) == ("done", 100, 100)


async def test_each_part_enqueues_the_next_and_the_last_one_none(db, settings, manager, campaign):
    await order(manager, campaign, count=80)
    (first,) = await db.rows(JOBS)

    jobs = []
    for _ in range(5):
        await issuing.make_codes(**first.args, db=db, settings=settings)
        jobs.append(len(await db.rows(JOBS)))

    assert first.task_name == "promo.make_codes"
    # The first of two parts orders the second; where codes were drawn anew there is a third. What is done orders none.
    assert jobs in ([2, 2, 2, 2, 2], [2, 3, 3, 3, 3])


async def test_several_workers_at_one_issue_make_no_code_too_many(db, manager, campaign):
    issue = (await order(manager, campaign, count=333)).json()

    async def worker():
        while await one_step(db, issue["id"]):
            pass

    await asyncio.gather(worker(), worker(), worker())

    seen = (await manager.get(path(issue["id"]))).json()
    async with db.begin() as session:
        told = await session.scalar(select(func.count()).where(Event.kind == "promo_issue.done"))
    assert (seen["state"], seen["done"], len(await codes_of(db, issue["id"])), told) == ("done", 333, 333, 1)


async def test_codes_that_somebody_has_are_replaced_by_others(db, manager, campaign, monkeypatch):
    first = await made(db, manager, campaign, count=40)
    taken = [row.code for row in await codes_of(db, first["id"])]
    drawn = []

    def unlucky(count, design):
        fresh = draw(count, design)
        drawn.append(sorted(taken[: count // 2] + fresh[count // 2 :]))
        return drawn[-1]

    monkeypatch.setattr(issuing, "draw", unlucky)
    second = await made(db, manager, campaign, count=60)

    codes = {row.code for row in await codes_of(db, second["id"])}
    assert sum(map(len, drawn)) > 60
    assert (second["done"], len(codes), codes & set(taken)) == (60, 60, set())


async def test_a_code_with_a_forbidden_word_is_drawn_anew(db, manager, campaign, monkeypatch):
    drawn = []

    def rude(count, design):
        drawn.append(sorted([*draw(count, design)[1:], "7CYKA7777"]))
        return drawn[-1]

    monkeypatch.setattr(issuing, "draw", rude)
    issue = (await order(manager, campaign, count=45)).json()
    await one_step(db, issue["id"])

    codes = {row.code for row in await codes_of(db, issue["id"])}
    assert codes == set(drawn[0]) - {"7CYKA7777"}


async def test_a_prefix_that_becomes_forbidden_stops_the_issue_until_it_is_allowed_again(
    db, tmp_path, manager, campaign
):
    issue = (await order(manager, campaign, prefix="SALE")).json()
    words = tmp_path / "words.txt"
    words.write_text("sale\n", "utf-8")
    async with db.begin() as session:
        found = await session.scalar(select(PromoIssue.id))
        more = await issuing.step(session, found, words)
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


async def test_the_same_order_again_is_the_same_and_another_is_refused(db, manager, campaign):
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


async def test_the_same_order_many_times_at_once_is_one(db, manager, campaign):
    key = uuid.uuid4()

    answers = await asyncio.gather(*(order(manager, campaign, key=key) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(await db.rows(JOBS)) == 1


async def test_a_prefix_is_shown_as_it_was_written_and_found_as_it_is_folded(db, manager, campaign):
    issue = await made(db, manager, campaign, count=50, prefix="Зима-26".replace("и", "e"), length=8)

    codes = await codes_of(db, issue["id"])
    assert {(row.code[:6], row.shown[:7]) for row in codes} == {("3EMA26", "ЗEМА-26")}
    assert all(row.code == symbols.fold(row.shown) and len(row.code) == 14 for row in codes)
    assert all(symbols.has_valid_check(row.code) for row in codes)


@pytest.mark.parametrize("prefix", ["SUMMER", "ЗИМА"])
async def test_a_prefix_with_a_foreign_letter_is_refused(manager, campaign, prefix):
    answer = await order(manager, campaign, prefix=prefix)

    assert (answer.status_code, answer.json()["code"]) == (422, "prefix_invalid")


async def test_a_forbidden_prefix_is_refused(manager, campaign):
    answer = await order(manager, campaign, prefix="7сука")

    assert (answer.status_code, answer.json()["code"]) == (422, "wish_forbidden")


@pytest.mark.parametrize("body", [{"length": 16}, {"length": 12, "prefix": "SALE"}])
async def test_codes_as_long_as_package_codes_are_refused(manager, campaign, body):
    answer = await order(manager, campaign, **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "like_package_codes")
    assert "16 symbols" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [{"count": 0}, {"count": 10_000_001}, {"length": 5}, {"length": 17}, {"prefix": "TOO LONG"}, {"prefix": "-"}],
)
async def test_what_no_issue_can_be_is_refused(manager, campaign, body):
    answer = await order(manager, campaign, **body)

    assert answer.status_code == 400


async def test_one_prefix_in_another_spelling_is_no_more_room(manager, campaign):
    fits = await order(manager, campaign, count=3355, length=6, prefix="SALE-")
    others = [await order(manager, campaign, count=1, length=6, prefix=prefix) for prefix in ("sale", "5ALE", "S-ALE-")]

    assert fits.status_code == 202
    assert [answer.json().get("code") for answer in others] == ["codes_too_short", None, "codes_too_short"]


async def test_orders_that_come_at_once_do_not_share_the_room(manager, campaign):
    answers = await asyncio.gather(*(order(manager, campaign, count=2000, length=6) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 5


async def test_codes_that_could_be_guessed_are_refused_with_the_length_it_takes(manager, campaign):
    fits = await order(manager, campaign, count=3355, length=6)
    once_more = await order(manager, campaign, count=1, length=6)
    many = await order(manager, campaign, count=10_000_000, length=8)
    most = await order(manager, campaign, count=10_000_000)

    assert (fits.status_code, most.status_code) == (202, 202)
    assert {(answer.status_code, answer.json()["code"]) for answer in (once_more, many)} == {(422, "codes_too_short")}
    assert "at least 7 symbols" in once_more.json()["detail"]
    assert "at least 9 symbols" in many.json()["detail"]


async def test_a_campaign_must_be_there_have_a_promo_rule_and_not_be_over(world: World, manager, campaign):
    programme = await world.programme(await world.brand_of(manager))
    without = await world.campaign(programme)
    over = await world.campaign(programme, RULE, state="ended")
    strangers = await world.campaign(await world.programme(), RULE)

    answers = [await order(manager, one) for one in (without, over, strangers)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "campaign_without_promo"), (409, "campaign_ended"), (404, "campaign_unknown"),
    ]  # fmt: skip


async def test_the_file_has_every_code_once_with_its_link(db, settings, manager, campaign, monkeypatch):
    monkeypatch.setattr(issues, "LINES_AT_ONCE", 30)
    await made(db, manager, campaign, count=50)
    issue = await made(db, manager, campaign, count=100, prefix="SALE-")

    answer = await manager.get(path(issue["id"], "codes.csv"))

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    codes = await codes_of(db, issue["id"])
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="promo-codes-{issue["id"]}.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert [row["code"] for row in rows] == [code.shown for code in codes]
    assert [row["url"] for row in rows] == [f"{settings.base_url}/p/{code.code}" for code in codes]
    assert rows[0]["code"].startswith("SALE-")


async def test_who_takes_the_codes_is_written_down(db, manager, campaign):
    issue = await made(db, manager, campaign, count=5)

    await manager.get(path(issue["id"], "codes.csv"))

    async with db.begin() as session:
        event = await session.scalar(select(Event).where(Event.kind == "promo_issue.taken"))
    assert (event.staff_id, event.body) == (manager.id, {"issue": issue["id"], "codes": 5})


async def test_there_is_no_file_before_all_codes_are_made(db, manager, campaign):
    issue = (await order(manager, campaign)).json()
    await one_step(db, issue["id"])

    answer = await manager.get(path(issue["id"], "codes.csv"))

    assert (answer.status_code, answer.json()["code"]) == (409, "issue_unfinished")
    assert "40 of 100" in answer.json()["detail"]


async def test_issues_are_listed_newest_first_page_by_page(manager, campaign):
    keys = [(await order(manager, campaign, count=count)).json()["id"] for count in (1, 2, 3)]

    first = (await manager.get("/v1/console/promo-issues?limit=2")).json()
    second = (await manager.get(f"/v1/console/promo-issues?limit=2&cursor={first['next']}")).json()

    assert [issue["id"] for issue in first["items"] + second["items"]] == keys[::-1]
    assert "next" not in second


async def test_an_issue_of_another_brand_is_unknown(world: World, manager, campaign):
    issue = (await order(manager, campaign)).json()
    stranger = await world.staff()

    answers = [await stranger.get(path(issue["id"])), await stranger.get(path(issue["id"], "codes.csv"))]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "issue_unknown")}


def test_drawn_codes_are_sorted_single_and_use_every_symbol_in_every_place():
    codes = draw(20_000, Design(9, "NY"))

    assert codes == sorted(set(codes))
    assert all(code.startswith("NY") and len(code) == 11 for code in codes)
    assert all(symbols.has_valid_check(code) for code in codes)
    assert all({code[place] for code in codes} == set(symbols.ALPHABET) for place in range(2, 11))


def test_no_number_is_drawn_that_a_till_would_take_for_a_barcode():
    codes = draw(200_000, Design(6))

    assert 150_000 < len(codes) < 200_000
    assert not [code for code in codes if code.isdigit()]


def test_the_shortest_length_leaves_ten_thousand_codes_for_each_that_is_issued():
    assert [shortest(count) for count in (3355, 3356, 107_374, 107_375, 10_000_000)] == [6, 7, 7, 8, 9]
