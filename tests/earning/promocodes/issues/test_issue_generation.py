"""Generation of issued promo codes: in parts, with replacements, safe to interrupt."""

import asyncio
import uuid

import pytest
from sqlalchemy import func, select

from backend.core.db.events import Event
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.issues.random_codes import Design, draw_codes, shortest_length
from backend.earning.promocodes.models import PromoIssue
from backend.earning.promocodes.words.forbidden import is_forbidden
from scanning.codes import symbols
from tests.earning.promocodes.issues.issue_client import JOBS, codes_of, made, one_step, order, path
from tests.worker.local_worker import until, working


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


async def test_prefix_is_shown_as_written_and_stored_folded(db, manager, campaign):
    issue = await made(db, manager, campaign, count=50, prefix="Зима-26".replace("и", "e"), length=8)

    codes = await codes_of(db, issue["id"])
    assert {(row.code[:6], row.shown[:7]) for row in codes} == {("3EMA26", "ЗEМА-26")}
    assert all(row.code == symbols.fold(row.shown) and len(row.code) == 14 for row in codes)
    assert all(symbols.has_valid_check(row.code) for row in codes)


def test_drawn_codes_are_sorted_and_unique():
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
