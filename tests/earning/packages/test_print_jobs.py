"""Files that the worker makes: part by part, whole or not at all, the same bytes after a fall."""

import asyncio
import hashlib
import io
import time
import uuid

import pytest
from sqlalchemy import func, select, text

from backend.core.db.events import Event
from backend.core.http.errors import NotFound
from backend.core.storage.folder import Folder
from backend.core.storage.objects import FileMissing
from backend.earning.packages import batches, ranges
from backend.earning.packages.batches import BatchRequest
from backend.earning.packages.models import BatchFile, BatchFilePart
from backend.earning.packages.print_runs import files as printfiles
from backend.earning.packages.print_runs import print_jobs
from backend.earning.packages.print_runs.labels import files as formats
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import LabelStyle, plan_run
from backend.earning.packages.slot_keys import slot_key
from tests.make import World

JOBS = text("SELECT task_name, args FROM procrastinate_jobs ORDER BY id")


@pytest.fixture
def files(tmp_path):
    return Folder(tmp_path / "files")


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    for kind in PrintFormat:
        monkeypatch.setitem(formats.FILE_SIZES, kind, 40)


@pytest.fixture
async def batch(db, world: World):
    programme = await world.programme()
    product = await world.product(programme.brand_id)
    async with db.begin() as session:
        made, _ = await batches.create_batch(
            session, programme.brand_id, uuid.uuid4(), BatchRequest(programme.id, product.sku, count=100)
        )
    return made


def run_of(settings, batch, kind=PrintFormat.CSV, **looks):
    return plan_run(kind, batch, LabelStyle(**looks), settings)


async def order(db, settings, batch, kind=PrintFormat.CSV, **looks):
    async with db.begin() as session:
        return await printfiles.order_files(session, batch, run_of(settings, batch, kind, **looks), staff_id=7)


async def finished(db, file_id):
    async with db.begin() as session:
        file = await session.get_one(BatchFile, file_id)
        return file, await printfiles.list_parts(session, file, 0, 1000)


@pytest.mark.parametrize("kind", PrintFormat)
async def test_all_parts_are_stored_with_checksums(db, settings, files, batch, kind):
    ordered = await order(db, settings, batch, kind, name="Радиатор")
    run = run_of(settings, batch, kind, name="Радиатор")

    while await print_jobs.make_next_part(db, files, settings, ordered.id):
        pass

    file, parts = await finished(db, ordered.id)
    stored = [await read(files, f"{print_jobs.parts_folder(batch.brand_id, file.id)}/{part.name}") for part in parts]
    key = slot_key(settings.master_key, batch.slot)
    assert (file.state, file.parts_done, file.codes_done) == ("done", run.parts, 100)
    assert stored == [b"".join(run.chunks(key, run.part(number))) for number in range(1, run.parts + 1)]
    assert [part.sha256 for part in parts] == [hashlib.sha256(content).hexdigest() for content in stored]
    assert [part.bytes for part in parts] == [len(content) for content in stored]
    assert sum(part.codes for part in parts) == 100


async def test_each_part_enqueues_next_job(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    before = await db.rows(JOBS)

    await print_jobs.make_next_part(db, files, settings, ordered.id)

    after = await db.rows(JOBS)
    file, _ = await finished(db, ordered.id)
    assert [(row.task_name, row.args) for row in before] == [("print.make_part", {"file_id": ordered.id})]
    assert len(after) == 2
    assert (file.state, file.parts_done, file.codes_done) == ("working", 1, 40)


async def test_repeated_order_enqueues_no_second_job(db, settings, batch):
    first = await order(db, settings, batch)
    second = await order(db, settings, batch)

    assert first.id == second.id
    assert len(await db.rows(JOBS)) == 1


async def test_concurrent_repeated_orders_create_one_file(db, settings, batch):
    ordered = await asyncio.gather(*(order(db, settings, batch) for _ in range(6)))

    assert len({file.id for file in ordered}) == 1
    assert len(await db.rows(JOBS)) == 1


async def test_another_design_before_removal_is_refused(db, settings, batch):
    await order(db, settings, batch, PrintFormat.ZPL, dpi=203)
    with pytest.raises(printfiles.FileDiffers):
        await order(db, settings, batch, PrintFormat.ZPL, dpi=300)

    async with db.begin() as session:
        await printfiles.remove_files(session, batch, PrintFormat.ZPL)
    again = await order(db, settings, batch, PrintFormat.ZPL, dpi=300)

    assert again.design["looks"]["dpi"] == 300


@pytest.mark.parametrize("state", ["closed", "revoked"])
async def test_ended_batch_is_not_printed(db, settings, batch, state):
    async with db.begin() as session:
        locked = await batches.lock_batch(session, batch.brand_id, batch.key)
        await ranges.change_state(session, locked, ranges.all_positions(locked, state))

    with pytest.raises(batches.BatchOver):
        await order(db, settings, locked)


async def test_unrecorded_part_is_made_again_identically(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    run = run_of(settings, batch)
    name = f"{print_jobs.parts_folder(batch.brand_id, ordered.id)}/{run.part(1).name}"
    await files.put(name, io.BytesIO(b"what a fall left"))

    await print_jobs.make_next_part(db, files, settings, ordered.id)

    _, (part,) = await finished(db, ordered.id)
    assert hashlib.sha256(await read(files, name)).hexdigest() == part.sha256


async def test_concurrent_workers_record_each_part_once(db, settings, files, batch):
    ordered = await order(db, settings, batch)

    async def worker():
        while await print_jobs.make_next_part(db, files, settings, ordered.id):
            pass

    await asyncio.gather(worker(), worker(), worker())

    file, parts = await finished(db, ordered.id)
    async with db.begin() as session:
        events = await session.scalar(select(func.count()).select_from(Event).where(Event.kind == "batch.file_done"))
    assert (file.state, file.codes_done, events) == ("done", 100, 1)
    assert [part.part for part in parts] == [1, 2, 3]


async def test_job_after_completion_does_nothing(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    while await print_jobs.make_next_part(db, files, settings, ordered.id):
        pass
    jobs_before = len(await db.rows(JOBS))

    assert await print_jobs.make_next_part(db, files, settings, ordered.id) is False
    assert await print_jobs.make_next_part(db, files, settings, ordered.id + 1000) is False
    assert len(await db.rows(JOBS)) == jobs_before


async def test_part_is_retried_after_storage_failure(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    files.unfinished.rmdir()
    files.unfinished.write_text("not a folder")

    with pytest.raises(OSError, match="Not a directory"):
        await print_jobs.make_next_part(db, files, settings, ordered.id)
    files.unfinished.unlink()
    files.unfinished.mkdir()
    while await print_jobs.make_next_part(db, files, settings, ordered.id):
        pass

    file, _ = await finished(db, ordered.id)
    assert file.state == "done"


async def test_design_that_stopped_fitting_fails_with_reason(db, settings, files, batch):
    ordered = await order(db, settings, batch, PrintFormat.PDF)
    async with db.begin() as session:
        file = await session.get_one(BatchFile, ordered.id)
        file.design = file.design | {"address": "https://small.letters/"}

    more = await print_jobs.make_next_part(db, files, settings, ordered.id)

    file, _ = await finished(db, ordered.id)
    assert more is False
    assert file.state == "failed"
    assert "in capitals" in file.problem


async def test_failed_file_restarts_when_ordered_again(db, settings, batch):
    ordered = await order(db, settings, batch)
    async with db.begin() as session:
        file = await session.get_one(BatchFile, ordered.id)
        file.state, file.problem = "failed", "no paper"

    again = await order(db, settings, batch)

    assert (again.state, again.problem) == ("waiting", "")
    assert len(await db.rows(JOBS)) == 2


async def test_removed_file_is_deleted_from_storage(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    await print_jobs.make_next_part(db, files, settings, ordered.id)
    _, (part,) = await finished(db, ordered.id)
    where = print_jobs.parts_folder(batch.brand_id, ordered.id)

    async with db.begin() as session:
        await printfiles.remove_files(session, batch, PrintFormat.CSV)
    job = (await db.rows(JOBS))[-1]
    await print_jobs.remove_parts(**job.args, files=files)

    assert job.task_name == "print.remove_parts"
    with pytest.raises(FileMissing):
        await files.open(f"{where}/{part.name}")
    async with db.begin() as session:
        assert await session.scalar(select(func.count()).select_from(BatchFilePart)) == 0


async def test_part_made_during_removal_is_deleted(db, settings, files, batch):
    ordered = await order(db, settings, batch)

    class Slow(Folder):
        async def put(self, name, source):
            async with db.begin() as session:
                await printfiles.remove_files(session, batch, PrintFormat.CSV)
            await super().put(name, source)

    more = await print_jobs.make_next_part(db, Slow(files.root), settings, ordered.id)

    assert more is False
    assert [path for path in files.root.rglob("*") if path.is_file()] == []


async def test_drawing_blocks_no_job_and_stops_with_worker(db, settings, files, batch, monkeypatch):
    monkeypatch.setitem(formats.FILE_SIZES, PrintFormat.PDF, 50_000)
    async with db.begin() as session:
        product = (await batches.get_batch(session, batch.brand_id, batch.key))[1]
        large, _ = await batches.create_batch(
            session, batch.brand_id, uuid.uuid4(), BatchRequest(batch.programme_id, product.sku, count=50_000)
        )
    ordered = await order(db, settings, large, PrintFormat.PDF)
    working = asyncio.create_task(print_jobs.make_next_part(db, files, settings, ordered.id))
    worst = 0.0
    for _ in range(20):
        began = time.perf_counter()
        await asyncio.sleep(0.02)
        worst = max(worst, time.perf_counter() - began)

    working.cancel()
    began = time.perf_counter()
    await asyncio.gather(working, return_exceptions=True)
    # The pool's threads are free again when all of them can answer.
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(40)))

    file, parts = await finished(db, ordered.id)
    assert worst < 2
    assert time.perf_counter() - began < 5
    assert (file.state, parts) == ("waiting", [])


async def test_download_of_codes_is_audited(db, settings, files, batch):
    ordered = await order(db, settings, batch)
    await print_jobs.make_next_part(db, files, settings, ordered.id)

    async with db.begin() as session:
        file = await printfiles.find_file(session, batch, PrintFormat.CSV)
        part = await printfiles.record_download(session, file, 1, staff_id=7)
        with pytest.raises(NotFound):
            await printfiles.record_download(session, file, 2, staff_id=7)

    async with db.begin() as session:
        event = await session.scalar(select(Event).where(Event.kind == "batch.file_taken"))
    assert (event.staff_id, event.body) == (7, {"name": part.name, "sha256": part.sha256, "codes": 40})


async def read(files, name):
    return b"".join([chunk async for chunk in await files.open(name)])
