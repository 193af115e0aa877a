"""Object storage, in a folder and in a real S3 service on this machine."""

import asyncio
import io
import os
import random
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from backend.core.http.errors import Busy
from backend.core.settings import SettingMissing, Settings
from backend.core.storage import bucket
from backend.core.storage.bucket import Bucket
from backend.core.storage.folder import ABANDONED_SECONDS, Folder
from backend.core.storage.objects import AT_ONCE, WAITING, FileMissing, StorageUnavailable
from backend.core.storage.store import Files, create_store
from tests.bucket import serving_s3
from tests.make import World, caller


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 service."""
    with serving_s3() as address:
        yield address


@pytest.fixture(params=["folder", "bucket"])
async def files(request, tmp_path) -> AsyncIterator[Files]:
    """Each kind of storage in turn, empty."""
    if request.param == "folder":
        made: Files = Folder(tmp_path / "files")
    else:
        address = request.getfixturevalue("s3")
        made = Bucket(f"s3://scanback/{uuid.uuid4().hex}?links={address}")
    yield made
    made.close()


async def test_stored_object_is_read_back(files):
    content = random.Random(1).randbytes(700_000)

    await files.put("print/1/codes.csv", io.BytesIO(content))

    assert await read(files, "print/1/codes.csv") == content
    assert await files.exists("print/1/codes.csv")
    assert not await files.exists("print/1/codes")


async def test_file_of_several_upload_parts_is_read_back(files):
    content = random.Random(2).randbytes(9 << 20)

    await files.put("large.bin", io.BytesIO(content))

    assert await read(files, "large.bin") == content


async def test_file_is_stored_from_its_start_at_any_position(files):
    file = io.BytesIO(b"from the start")
    file.seek(5)

    await files.put("a.txt", file)

    assert await read(files, "a.txt") == b"from the start"


async def test_second_put_replaces_object(files):
    await files.put("a.txt", io.BytesIO(b"first"))

    await files.put("a.txt", io.BytesIO(b"second, longer"))

    assert await read(files, "a.txt") == b"second, longer"


async def test_missing_object_raises_before_the_first_byte(files):
    with pytest.raises(FileMissing):
        await files.open("nowhere/a.txt")


async def test_removal_of_object_is_idempotent(files):
    await files.put("a/b.txt", io.BytesIO(b"x"))

    await files.remove("a/b.txt")
    await files.remove("a/b.txt")

    assert not await files.exists("a/b.txt")


async def test_removed_folder_leaves_its_neighbour(files):
    for name in ("a/1/x", "a/1/y/z", "a/10/x"):
        await files.put(name, io.BytesIO(b"x"))

    await files.remove_folder("a/1")
    await files.remove_folder("a/1")

    assert [await files.exists(name) for name in ("a/1/x", "a/1/y/z", "a/10/x")] == [False, False, True]


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".hidden", "a b", "a\nb", "а"])
async def test_name_outside_folder_is_refused(files, name):
    with pytest.raises(ValueError, match="not a name"):
        await files.put(name, io.BytesIO(b"x"))


async def test_writers_of_one_name_never_mix(files):
    contents = [bytes([number]) * 400_000 for number in range(8)]

    await asyncio.gather(*(files.put("same", io.BytesIO(content)) for content in contents))

    assert await read(files, "same") in contents


async def test_failed_put_preserves_previous_object(files):
    await files.put("a.txt", io.BytesIO(b"whole"))

    with pytest.raises(OSError, match="disk"):
        await files.put("a.txt", Torn())

    assert await read(files, "a.txt") == b"whole"


async def test_folder_is_private_without_unfinished_files(tmp_path):
    folder = Folder(tmp_path / "files")
    await folder.put("deep/a.txt", io.BytesIO(b"x"))
    with pytest.raises(OSError, match="disk"):
        await folder.put("b.txt", Torn())

    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder.root, *folder.root.rglob("*")]}

    assert modes == {"files": 0o700, ".unfinished": 0o700, "deep": 0o700, "a.txt": 0o600}


async def test_start_removes_unfinished_files(tmp_path):
    folder = Folder(tmp_path / "files")
    (folder.unfinished / "old").write_bytes(b"half")
    (folder.unfinished / "new").write_bytes(b"half, being written")
    long_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(folder.unfinished / "old", (long_ago, long_ago))

    Folder(tmp_path / "files")

    assert [path.name for path in folder.unfinished.iterdir()] == ["new"]


async def test_folder_has_no_link(tmp_path):
    folder = Folder(tmp_path / "files")

    assert await folder.link("a.txt", seconds=60, download_as="a.txt") is None


async def test_link_serves_object_under_its_name(s3):
    bucket = Bucket(f"s3://scanback/links?links={s3}")
    await bucket.put("1/a.csv", io.BytesIO(b"position,code\r\n"))

    link = await bucket.link("1/a.csv", seconds=60, download_as="batch.csv")
    async with httpx2.AsyncClient() as client:
        answer = await client.get(link)
    bucket.close()

    assert answer.content == b"position,code\r\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="batch.csv"'


async def test_bucket_without_public_address_has_no_link(s3):
    bucket = Bucket("s3://scanback/links")

    link = await bucket.link("1/a.csv", seconds=60, download_as="a.csv")
    bucket.close()

    assert link is None


async def test_other_service_errors_are_not_missing_objects(s3):
    bucket = Bucket("s3://no-such-bucket/x")

    with pytest.raises(bucket.client.exceptions.NoSuchBucket):
        await bucket.open("a.txt")
    bucket.close()


def test_settings_choose_the_file_storage(tmp_path, s3):
    folder = create_store(Settings(data=tmp_path))
    bucket = create_store(Settings(data=tmp_path, bucket_url="s3://scanback/deep/er/"))
    bucket.close()

    assert isinstance(folder, Folder)
    assert folder.root == tmp_path / "files"
    assert (bucket.bucket, bucket.prefix) == ("scanback", "deep/er")


@pytest.mark.parametrize("url", ["scanback", "https://s3.example/scanback", "s3:///prefix"])
def test_address_without_bucket_is_refused(url):
    with pytest.raises(SettingMissing, match="s3://bucket/prefix"):
        Bucket(url)


async def read(files: Files, name: str) -> bytes:
    return b"".join([chunk async for chunk in await files.open(name)])


class Torn(io.BytesIO):
    """A file whose disk fails in the middle."""

    def __init__(self) -> None:
        super().__init__(b"x" * 600_000)

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 300_000:
            raise OSError("disk")
        return super().read(size)


class Hanging:
    """A service that accepts and sends nothing."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"


@pytest.fixture
def hanging(monkeypatch) -> Iterator[Bucket]:
    """A bucket of a service that hangs."""
    service = Hanging()
    monkeypatch.setattr(bucket, "HASTY", bucket.Patience(1, 1))
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_S3": service.url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = Bucket("s3://scanback")
    yield made
    made.close()
    service.listening.close()


@pytest.mark.parametrize("call", ["put", "open", "exists", "remove", "remove_folder"])
async def test_storage_that_hangs_is_given_up_in_time(hanging: Bucket, call: str):
    arguments = ["a.txt", io.BytesIO(b"x")] if call == "put" else ["a.txt"]
    begun = time.monotonic()

    with pytest.raises(StorageUnavailable):
        await getattr(hanging, call)(*arguments)

    assert time.monotonic() - begun < 5
    assert not hanging.is_well


async def test_hanging_storage_does_not_block_other_threads(hanging: Bucket):
    calls = [asyncio.create_task(hanging.exists("a.txt")) for _ in range(AT_ONCE + WAITING + 5)]
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await asyncio.to_thread(time.sleep, 0)
    waited = time.monotonic() - begun
    turned_away = [call.exception() for call in calls if call.done()]
    found = await asyncio.gather(*calls, return_exceptions=True)

    assert waited < 0.5
    assert [type(error) for error in turned_away] == [Busy] * 5
    assert {type(error) for error in found} == {Busy, StorageUnavailable}
    assert hanging.threads.under_way == 0


async def test_readiness_with_hanging_storage_is_reported(world: World, app, hanging: Bucket):
    before, app.state["files"] = app.state["files"], hanging
    status = (await world.client.get("/ready")).status_code
    try:
        hanging.is_well = False
        ready = await world.client.get("/ready")
        async with caller(app, "127.0.0.1") as here:
            metrics = await here.get("/metrics")
    finally:
        app.state["files"] = before

    assert (ready.status_code, ready.json()["storage"]) == (status, {"ok": False})
    assert "scanback_storage_up 0.0" in metrics.text
