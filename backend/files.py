"""Object storage: a folder on this machine, or a bucket of an S3 service."""

import asyncio
import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from litestar.di import NamedDependency

from backend.settings import SettingMissing, Settings

CHUNK_BYTES = 1 << 18
ABANDONED_SECONDS = 86_400
UNFINISHED = ".unfinished"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class FileMissing(LookupError):
    """No object of that name is stored."""


class Folder:
    """Objects as files below a folder that only this user may enter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unfinished = root / UNFINISHED
        self.unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        self._sweep()

    async def put(self, name: str, source: BinaryIO) -> None:
        """Store what a file holds from its start on: whole or not at all. An object of that name is replaced."""
        await asyncio.to_thread(self._put, self._path(name), source)

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """The object's bytes in chunks. Raises FileMissing."""
        try:
            file = await asyncio.to_thread(self._path(name).open, "rb")
        except FileNotFoundError as error:
            raise FileMissing(name) from error
        return _chunks(file)

    async def exists(self, name: str) -> bool:
        """Whether an object of that name is stored."""
        return await asyncio.to_thread(self._path(name).is_file)

    async def remove(self, name: str) -> None:
        """Forget an object; one that is not there is as good as removed."""
        await asyncio.to_thread(self._path(name).unlink, missing_ok=True)

    async def link(self, name: str, *, seconds: int, download_as: str) -> str | None:  # noqa: ARG002
        """No address leads past the API into a folder."""
        return None

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _path(self, name: str) -> Path:
        return self.root / _checked(name)

    def _put(self, path: Path, source: BinaryIO) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and then renamed: a reader, or a start after a fall, never sees half of it.
        aside = self.unfinished / uuid.uuid4().hex
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as target:
                source.seek(0)
                shutil.copyfileobj(source, target, CHUNK_BYTES)
                target.flush()
                os.fsync(target.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _sweep(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.unfinished.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()


class Bucket:
    """Objects in a bucket, below a prefix. boto3 blocks, so each call runs in a thread.

    Keys and endpoint come the usual way: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise SettingMissing(f"SCANBACK_BUCKET is s3://bucket/prefix, not {url}")
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self.client = _client(None)
        # People seldom reach the bucket at the address that the servers use, so links need one of their own.
        public = parse_qs(parts.query).get("links", [""])[0]
        self.public_client = _client(public) if public else None

    async def put(self, name: str, source: BinaryIO) -> None:
        """Store what a file holds from its start on: whole or not at all. An object of that name is replaced."""
        source.seek(0)
        await asyncio.to_thread(self.client.upload_fileobj, source, self.bucket, self._key(name))

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """The object's bytes in chunks. Raises FileMissing."""
        try:
            found = await asyncio.to_thread(self.client.get_object, Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if _is_missing(error):
                raise FileMissing(name) from error
            raise
        return _chunks(found["Body"])

    async def exists(self, name: str) -> bool:
        """Whether an object of that name is stored."""
        try:
            await asyncio.to_thread(self.client.head_object, Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if _is_missing(error):
                return False
            raise
        return True

    async def remove(self, name: str) -> None:
        """Forget an object; one that is not there is as good as removed."""
        await asyncio.to_thread(self.client.delete_object, Bucket=self.bucket, Key=self._key(name))

    async def link(self, name: str, *, seconds: int, download_as: str) -> str | None:
        """An address that gives the object to whoever has it, for a while; None where no address is public."""
        if self.public_client is None:
            return None
        asked = {
            "Bucket": self.bucket,
            "Key": self._key(name),
            "ResponseContentDisposition": f'attachment; filename="{_checked(download_as)}"',
        }
        # Signing is arithmetic: nobody is called.
        link: str = self.public_client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
        return link

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()
        if self.public_client is not None:
            self.public_client.close()

    def _key(self, name: str) -> str:
        return "/".join(filter(None, [self.prefix, _checked(name)]))


Files = Folder | Bucket
TheFiles = NamedDependency[Files]


def store(settings: Settings) -> Files:
    """The installation's object storage: SCANBACK_BUCKET, or a folder beside the other data."""
    return Bucket(settings.bucket_url) if settings.bucket_url else Folder(settings.data / "files")


def _client(endpoint: str | None) -> Any:
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 4},
        s3={"addressing_style": "path"},
        # Newer checksums are refused by S3 services that are not Amazon's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint, config=config)


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in MISSING


def _checked(name: str) -> str:
    """A name that stays below its root and needs no quoting anywhere. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an object: {name!r}")
    return name


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
