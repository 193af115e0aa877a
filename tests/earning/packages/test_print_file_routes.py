"""Print files in the console over HTTP: ordered, made, downloaded, removed."""

import csv
import hashlib
import io
import uuid

import pytest
from sqlalchemy import text

from backend.core.storage.bucket import Bucket
from backend.earning.packages.print_runs import print_jobs
from backend.earning.packages.print_runs.labels import files as formats
from backend.earning.packages.print_runs.labels.files import PrintFormat
from scanning.codes import package
from tests.make import World
from tests.worker.local_worker import until, working


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def batch(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(programme.brand_id)
    key = uuid.uuid4()
    body = {"programme_id": programme.id, "sku": product.sku, "count": 100}
    return (await manager.put(f"/v1/console/batches/{key}", body)).json()


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    for kind in PrintFormat:
        monkeypatch.setitem(formats.FILE_SIZES, kind, 40)


def path(batch, kind="csv", *more):
    return "/".join([f"/v1/console/batches/{batch['id']}/files", kind, *more])


async def worked(app, db, settings, most=100):
    """Do what the worker would, at most so many jobs."""
    rows = await db.rows(text("SELECT args FROM procrastinate_jobs WHERE task_name = 'print.make_part'"))
    for row in rows[:1]:
        while most and await print_jobs.make_next_part(db, app.state["files"], settings, row.args["file_id"]):
            most -= 1


async def test_print_file_is_ordered_created_and_downloaded(app, db, settings, manager, batch):
    ordered = await manager.put(path(batch), {})
    await worked(app, db, settings)

    made = (await manager.get(path(batch))).json()
    downloaded = [await manager.get(path(batch, "csv", "parts", str(part["part"]))) for part in made["items"]]

    assert (ordered.status_code, ordered.json()["state"]) == (202, "waiting")
    assert (made["state"], made["codes_done"], made["parts_done"], made["parts"]) == ("done", 100, 3, 3)
    for part, answer in zip(made["items"], downloaded, strict=True):
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == part["sha256"]
        assert int(answer.headers["content-length"]) == len(answer.content) == part["bytes"]
        assert answer.headers["content-disposition"] == f'attachment; filename="{part["name"]}"'
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "private, no-store"
    rows = [row for answer in downloaded for row in csv.DictReader(io.StringIO(answer.text))]
    assert [int(row["position"]) for row in rows] == list(range(1, 101))
    assert {row["url"] for row in rows} == {f"{settings.code_host}/C/{row['code']}" for row in rows}
    assert all(package.check(row["grouped"]) == row["code"] for row in rows)


async def test_worker_creates_and_removes_print_files(app, settings, manager, batch):
    async def done():
        made = (await manager.get(path(batch, "zpl"))).json()
        return made if made["state"] == "done" else None

    async def gone():
        return not await app.state["files"].exists(stored)

    async with working(settings):
        await manager.put(path(batch, "zpl"), {})
        made = await until(done)
        stored = f"{print_jobs.parts_folder(await brand_id(manager), await file_id(app))}/{made['items'][0]['name']}"
        there = await app.state["files"].exists(stored)
        await manager.delete(path(batch, "zpl"))
        await until(gone)

    assert there
    assert (made["parts_done"], made["codes_done"], len(made["items"])) == (3, 100, 3)


async def brand_id(manager):
    return (await manager.get("/v1/console/brand")).json()["id"]


async def file_id(app):
    (row,) = await app.state["db"].rows(text("SELECT f.id FROM batch_files f JOIN batches b ON b.id = f.batch_id"))
    return row.id


async def test_print_file_shows_its_progress(app, db, settings, manager, batch):
    await manager.put(path(batch), {})
    await worked(app, db, settings, most=1)

    seen = (await manager.get(path(batch))).json()

    assert (seen["state"], seen["codes_done"], seen["parts_done"]) == ("working", 40, 1)


async def test_parts_are_paginated(app, db, settings, manager, batch):
    await manager.put(path(batch), {})
    await worked(app, db, settings)

    first = (await manager.get(path(batch) + "?limit=2")).json()
    second = (await manager.get(path(batch) + f"?limit=2&cursor={first['next']}")).json()

    assert [part["part"] for part in first["items"] + second["items"]] == [1, 2, 3]
    assert "next" not in second


async def test_repeated_order_with_another_design_is_refused(manager, batch):
    first = await manager.put(path(batch, "zpl"), {"dpi": 300})
    again = await manager.put(path(batch, "zpl"), {"dpi": 300})
    other = await manager.put(path(batch, "zpl"), {"dpi": 203})

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "file_differs")


async def test_removed_print_file_can_be_ordered_again(app, db, settings, manager, batch):
    await manager.put(path(batch, "zpl"), {"dpi": 300})

    removed = await manager.delete(path(batch, "zpl"))
    gone = await manager.get(path(batch, "zpl"))
    again = await manager.put(path(batch, "zpl"), {"dpi": 203})

    assert (removed.status_code, gone.status_code, again.status_code) == (204, 404, 202)
    assert [row["format"] for row in (await manager.get(path(batch, "")[:-1])).json()["items"]] == ["zpl"]


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("pdf", {"width_mm": 20, "height_mm": 12}, 422, "design_refused"),
        ("zpl", {"dpi": 250}, 422, "design_refused"),
        ("pdf", {"name": "龍"}, 422, "design_refused"),
        ("pdf", {"width_mm": 5}, 400, "validation_failed"),
        ("doc", {}, 400, "validation_failed"),
        ("csv", {"colour": "red"}, 400, "validation_failed"),
    ],
)
async def test_unprintable_design_is_refused(manager, batch, kind, body, status, code):
    answer = await manager.put(path(batch, kind), body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_part_not_created_yet_is_not_found(manager, batch):
    unordered = await manager.get(path(batch))
    await manager.put(path(batch), {})
    unmade = await manager.get(path(batch, "csv", "parts", "1"))

    assert [(answer.status_code, answer.json()["code"]) for answer in (unordered, unmade)] == [
        (404, "file_unknown")
    ] * 2


async def test_part_lost_by_the_storage_is_not_found(app, db, settings, manager, batch):
    await manager.put(path(batch), {})
    await worked(app, db, settings)
    await app.state["files"].remove_folder(f"print/{await brand_id(manager)}")

    answer = await manager.get(path(batch, "csv", "parts", "1"))

    assert (answer.status_code, answer.json()["code"]) == (404, "file_unknown")


async def test_storage_with_its_own_address_redirects(app, db, settings, manager, batch, monkeypatch):
    await manager.put(path(batch), {})
    await worked(app, db, settings)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = Bucket("s3://codes?links=https://files.teplo.example")
    folder, app.state["files"] = app.state["files"], bucket

    answer = await manager.get(path(batch, "csv", "parts", "1"))
    app.state["files"] = folder
    bucket.close()

    assert answer.status_code == 307
    assert answer.headers["location"].startswith("https://files.teplo.example/codes/print/")
    assert "X-Amz-Expires=300" in answer.headers["location"]


async def test_print_files_are_for_owners_and_managers(app, db, settings, world, manager, batch):
    await manager.put(path(batch), {})
    await worked(app, db, settings)
    analyst = await world.staff(await world.brand_of(manager), role="analyst")
    stranger = await world.staff()

    watched = await analyst.get(path(batch))
    forbidden = [
        await analyst.get(path(batch, "csv", "parts", "1")),
        await analyst.put(path(batch, "pdf"), {}),
        await analyst.delete(path(batch)),
    ]
    unseen = [
        await stranger.get(path(batch)),
        await stranger.get(path(batch, "csv", "parts", "1")),
        await stranger.put(path(batch), {}),
        await stranger.delete(path(batch)),
    ]

    assert watched.json()["state"] == "done"
    assert {answer.json()["code"] for answer in forbidden} == {"role_forbids"}
    assert {answer.json()["code"] for answer in unseen} == {"batch_unknown"}
