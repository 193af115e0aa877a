"""Temporary files of large bodies: a process holds a bounded number of bytes."""

import shutil
import uuid

import pytest

from backend.core.http import spool
from backend.core.http.spool import Spool, SpoolFull
from tests.make import World


async def test_spool_gives_back_what_was_written(tmp_path):
    with Spool(tmp_path).file() as body:
        for _ in range(3):
            await body.write(b"x" * 700_000)
        file = await body.finished()

        assert file.read() == b"x" * 2_100_000


async def test_spool_over_its_limit_is_busy(tmp_path):
    shared = Spool(tmp_path, most=1000)
    with shared.file() as first:
        await first.write(b"x" * 600)
        with shared.file() as second, pytest.raises(SpoolFull):
            await second.write(b"x" * 600)
    assert shared.bytes == 0

    with shared.file() as third:
        await third.write(b"x" * 600)


async def test_full_disk_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "FREE_BYTES", shutil.disk_usage(tmp_path).total)
    with Spool(tmp_path).file() as body:
        await body.write(b"x")
        with pytest.raises(SpoolFull):
            await body.finished()


@pytest.mark.parametrize("route", ["codes", "products"])
async def test_upload_beyond_the_spool_is_busy(world: World, app, route):
    staff = await world.staff()
    before, app.state["spool"] = app.state["spool"], Spool(world.settings.data, most=10)
    try:
        if route == "products":
            response = await staff.ask("POST", "/v1/console/products/import", files={"file": ("x", b"sku\n" * 10)})
        else:
            path = f"/v1/console/batches/{uuid.uuid4()}/codes"
            response = await staff.ask("PUT", path, content=b"x" * 20, headers={"Content-Type": "text/csv"})
    finally:
        app.state["spool"] = before

    assert (response.status_code, response.json()["code"]) == (503, "spool_full")
    assert response.headers["retry-after"] == "60"
