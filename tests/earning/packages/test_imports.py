"""Codes of others in a batch: taken once in the world, reported row by row, safe to repeat, and paid."""

import asyncio
import io
import random
import tracemalloc
import uuid

import pytest
from sqlalchemy import func, select, text

from backend.core.db.events import Event
from backend.earning.packages import batches, ranges
from backend.earning.packages.batches import BatchProgress, BatchRequest
from backend.earning.packages.code_lists import imports
from backend.earning.packages.code_lists.imports import RefusedLine
from backend.earning.packages.models import ImportedCode, MarkedUnit
from backend.earning.packages.service import older_code_digests
from scanning.codes.symbols import ALPHABET
from tests.make import World

GTIN = "04600439931256"


def draw(count, seed=1):
    dice = random.Random(seed)
    return ["Q-" + "".join(dice.choices(ALPHABET, k=11)) for _ in range(count)]


@pytest.fixture
async def programme(world: World):
    programme = await world.programme()
    await world.product(programme.brand_id, sku="RA16", gtin=GTIN)
    await world.campaign(programme)
    return programme


@pytest.fixture
async def batch(db, programme):
    return await make(db, programme)


async def make(db, programme, origin="imported"):
    async with db.begin() as session:
        return (
            await batches.create_batch(
                session, programme.brand_id, uuid.uuid4(), BatchRequest(programme.id, "RA16", origin)
            )
        )[0]


async def take(db, settings, batch, codes):
    async with db.begin() as session:
        locked = await batches.lock_batch(session, batch.brand_id, batch.key)
        _, product = await batches.get_batch(session, batch.brand_id, batch.key)
        file = io.BytesIO("\n".join(codes).encode())
        return await imports.import_codes(session, settings.peppers, locked, product, file, staff_id=7)


async def change_state(db, batch, state):
    async with db.begin() as session:
        locked = await batches.lock_batch(session, batch.brand_id, batch.key)
        await ranges.change_state(session, locked, ranges.all_positions(locked, state))


async def scanned(world, code, account=None):
    answer = (await world.scan(account or await world.account(), code)).json()
    return answer.get("reason", answer["status"])


async def test_imported_codes_pay_once_batch_is_active(db, settings, world, batch):
    codes = draw(50)

    report = await take(db, settings, batch, codes)
    before = await scanned(world, codes[0])
    await change_state(db, batch, "active")

    account = await world.account()
    replies = [await scanned(world, codes[0], account), await scanned(world, codes[0].lower(), account)]
    assert (report.rows, report.accepted, report.refused, report.named) == (50, 50, {}, [])
    assert before == "not_active"
    assert replies == ["credited", "repeated"]
    assert await scanned(world, codes[0]) == "already_claimed"
    async with db.begin() as session:
        found, _ = await batches.get_batch(session, batch.brand_id, batch.key)
        assert found.count == 50
        assert await batches.batch_progress(session, found) == BatchProgress({"active": 50}, 1)


async def test_imported_codes_are_stored_as_digests(db, settings, batch):
    codes = draw(20)
    await take(db, settings, batch, codes)

    async with db.begin() as session:
        stored = (await session.scalars(select(ImportedCode.digest))).all()

    assert {len(digest) for digest in stored} == {16}
    assert not any(code.encode() in digest or code[2:].encode() in digest for code in codes for digest in stored)


@pytest.mark.parametrize("state", ["closed", "revoked"])
async def test_ended_list_refuses_claims_and_imports(db, settings, world, batch, state):
    (code,) = draw(1)
    await take(db, settings, batch, [code])
    await change_state(db, batch, "active")
    await change_state(db, batch, state)

    assert await scanned(world, code) == state
    with pytest.raises(batches.BatchOver):
        await take(db, settings, batch, draw(1, seed=2))


async def test_repeated_import_is_idempotent(db, settings, batch):
    codes = [*draw(30), "QX7", draw(1)[0]]

    first = await take(db, settings, batch, codes)
    second = await take(db, settings, batch, codes)

    async with db.begin() as session:
        count = await session.scalar(select(func.count()).select_from(ImportedCode))
    assert first == second
    assert (first.accepted, count) == (30, 30)


async def test_refused_rows_are_reported_with_reasons(db, settings, programme, batch):
    theirs, ours = draw(2, seed=3), draw(3, seed=4)
    await take(db, settings, await make(db, programme), theirs)

    report = await take(
        db, settings, batch, [ours[0], "QX7", theirs[1], "", ours[1], ours[0].replace("-", " "), "4600439931256"]
    )

    assert (report.rows, report.accepted) == (6, 2)
    assert report.refused == {"guessable": 1, "taken": 1, "repeated": 1, "other_kind": 1}
    assert report.named == [
        RefusedLine(2, "guessable"),
        RefusedLine(3, "taken"),
        RefusedLine(6, "repeated", same_as=1),
        RefusedLine(7, "other_kind"),
    ]


async def test_codes_with_similar_letters_are_equal(db, settings, batch):
    report = await take(db, settings, batch, ["QAB-CEHK-OPTX-01", "QАВ-СЕНК-ОРТХ-O1"])  # the second in Cyrillic

    assert report.named == [RefusedLine(2, "repeated", same_as=1)]


async def test_code_with_pasted_characters_is_found(db, settings, world, batch):
    first, second = draw(2)

    report = await take(db, settings, batch, [f"\u200b{first}", f"«{first}».", second])
    await change_state(db, batch, "active")

    account = await world.account()
    assert report.named == [RefusedLine(2, "repeated", same_as=1)]
    assert await scanned(world, f"\u2066{first}\u2069", account) == "credited"
    assert await scanned(world, f"“{first}”,", account) == "repeated"


async def test_list_of_released_data_is_recognized(db, settings, world, programme, batch):
    label = "«ЁЖ-QX7TTK29ZPA»."
    async with db.begin() as session:
        session.add(ImportedCode(batch_id=batch.id, digest=older_code_digests(settings.peppers, label)[0]))

    again = await take(db, settings, batch, [label])
    other = await take(db, settings, await make(db, programme), [label])
    await change_state(db, batch, "active")

    account = await world.account()
    assert (again.accepted, other.refused) == (1, {"taken": 1})
    assert [await scanned(world, label, account) for _ in range(2)] == ["credited", "repeated"]


async def test_second_file_extends_list(db, settings, batch):
    await take(db, settings, batch, draw(10, seed=5))
    report = await take(db, settings, batch, draw(10, seed=5)[:5] + draw(10, seed=6))

    async with db.begin() as session:
        found, _ = await batches.get_batch(session, batch.brand_id, batch.key)
        events = (await session.scalars(select(Event.body).where(Event.kind == "batch.listed"))).all()
    assert (report.accepted, found.count) == (15, 20)
    assert sorted(event["accepted"] for event in events) == [10, 15]


async def test_concurrent_imports_store_each_code_once(db, settings, programme, batch):
    other, codes = await make(db, programme), draw(3000)

    reports = await asyncio.gather(take(db, settings, batch, codes), take(db, settings, other, list(reversed(codes))))

    assert sorted(report.accepted for report in reports) == [0, 3000]
    assert sorted(report.refused.get("taken", 0) for report in reports) == [0, 3000]


async def test_file_of_many_chunks_is_counted_exactly(db, settings, batch):
    codes = draw(12_000)
    for place in range(0, 12_000, 4):
        codes[place] = "short" if place % 8 else codes[1]

    report = await take(db, settings, batch, codes)

    assert (report.rows, report.accepted) == (12_000, 9_000)
    assert report.refused == {"guessable": 1_500, "repeated": 1_500}
    assert len(report.named) == imports.MAX_NAMED_ROWS
    assert [row.line for row in report.named] == sorted(row.line for row in report.named)
    assert report.named[0] == RefusedLine(2, "repeated", same_as=1)


async def test_sequential_code_list_is_refused(db, settings, batch):
    with pytest.raises(imports.CodesCount):
        await take(db, settings, batch, [f"9000{number:012}" for number in range(100)])

    async with db.begin() as session:
        assert await session.scalar(select(func.count()).select_from(ImportedCode)) == 0


@pytest.mark.parametrize("codes", [[], ["", "  "], ["code"]])
async def test_file_without_codes_is_refused(db, settings, batch, codes):
    with pytest.raises(imports.NoCodes):
        await take(db, settings, batch, codes)


async def test_lists_and_positions_exclude_each_other(db, settings, programme, batch):
    async with db.begin() as session:
        computed, _ = await batches.create_batch(
            session, programme.brand_id, uuid.uuid4(), BatchRequest(programme.id, "RA16", count=5)
        )
    await take(db, settings, batch, draw(10))

    with pytest.raises(imports.NotAList):
        await take(db, settings, computed, draw(1))
    async with db.begin() as session:
        locked = await batches.lock_batch(session, batch.brand_id, batch.key)
        with pytest.raises(ranges.PositionsUnknown):
            await ranges.change_state(session, locked, ranges.PositionRange(1, 5, "active"))
        assert await ranges.list_ranges(session, locked, 0, 10) == [ranges.PositionRange(1, 10, "printed")]


async def test_marked_units_are_listed_by_gtin_and_serial(db, settings, programme):
    batch = await make(db, programme, "marked")

    report = await take(
        db,
        settings,
        batch,
        [f"01{GTIN}215a'b", f"01{GTIN}215A'b\x1d93abcd", f"(01){GTIN}(21)5a'b", "0104600000000015215a'b", "5a'b"],
    )

    async with db.begin() as session:
        stored = (await session.execute(select(MarkedUnit.gtin, MarkedUnit.serial, MarkedUnit.batch_id))).all()
    assert sorted(map(tuple, stored)) == [(GTIN, "5A'b", batch.id), (GTIN, "5a'b", batch.id)]
    assert (report.accepted, report.refused) == (2, {"repeated": 1, "other_product": 1, "not_marking": 1})


async def test_large_file_is_imported_in_constant_memory(db, settings, batch):
    async def peak(count, seed):
        file = io.BytesIO("\n".join(draw(count, seed)).encode())
        async with db.begin() as session:
            locked = await batches.lock_batch(session, batch.brand_id, batch.key)
            _, product = await batches.get_batch(session, batch.brand_id, batch.key)
            tracemalloc.start()
            await imports.import_codes(session, settings.peppers, locked, product, file)
            held = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return held

    await peak(1_000, 10)
    small, large = await peak(6_000, 11), await peak(30_000, 12)

    assert large - small < 1_000_000


async def test_claims_of_list_are_counted_by_index(db, owner, settings, batch):
    await take(db, settings, batch, draw(100))
    async with owner.begin() as session:
        await session.execute(
            text(
                "INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, base, gross, amount, "
                "matures_on, expires_on) SELECT 2, id, 1, 1, 1, 0, 1, 1, '2026-01-01', '2027-01-01' "
                "FROM imported_codes ORDER BY id LIMIT 7"
            )
        )
        assert (await batches.batch_progress(session, batch)).claimed == 7
        await session.execute(text("TRUNCATE accruals"))
