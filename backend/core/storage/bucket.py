"""Objects in a bucket of an S3 service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import boto3
import structlog
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backend.core.settings import SettingMissing
from backend.core.storage.objects import FileMissing, StorageUnavailable, checked, chunks, storage_threads

log = structlog.get_logger("scanback")
T = TypeVar("T")


class Patience(NamedTuple):
    """How long a call waits for the service, and how often it retries."""

    seconds: int
    attempts: int


# A user waits for a request; a job may be slow.
HASTY, PATIENT = Patience(5, 2), Patience(30, 4)
# The library would start ten uncounted threads of its own for each file.
IN_ONE_THREAD = TransferConfig(use_threads=False)
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class Bucket:
    """Objects in a bucket, below a prefix. boto3 blocks, so each call runs in a thread of the storage's own.

    Keys and endpoint come the usual way: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3.
    """

    def __init__(self, url: str, *, is_patient: bool = False) -> None:
        """`is_patient`: for background work, which waits longer and retries more often than a request may."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise SettingMissing(f"SCANBACK_BUCKET is s3://bucket/prefix, not {url}")
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self.patience = PATIENT if is_patient else HASTY
        self.threads = storage_threads()
        self.is_well = True  # whether the last call was answered
        self.client = _create_client(None, self.patience)
        # People seldom reach the bucket at the address that the servers use, so links need one of their own.
        public = parse_qs(parts.query).get("links", [""])[0]
        self.public_client = _create_client(public, self.patience) if public else None

    async def put(self, name: str, source: BinaryIO) -> None:
        """Store what a file holds from its start on: whole or not at all. An object of that name is replaced."""
        source.seek(0)
        await self._call_in_thread(
            self.client.upload_fileobj, source, self.bucket, self._object_key(name), Config=IN_ONE_THREAD
        )

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """The object's bytes in chunks. Raises FileMissing."""
        found = await self._call_in_thread(self.client.get_object, Bucket=self.bucket, Key=self._object_key(name))
        return self._read_chunks(found["Body"])

    async def exists(self, name: str) -> bool:
        """Whether an object of that name is stored."""
        try:
            await self._call_in_thread(self.client.head_object, Bucket=self.bucket, Key=self._object_key(name))
        except FileMissing:
            return False
        return True

    async def remove(self, name: str) -> None:
        """Forget an object; one that is not there is as good as removed."""
        await self._call_in_thread(self.client.delete_object, Bucket=self.bucket, Key=self._object_key(name))

    async def remove_folder(self, name: str) -> None:
        """Remove all objects whose names begin with this and a slash."""
        await self._call_in_thread(self._remove_folder, self._object_key(name) + "/")

    async def link(self, name: str, *, seconds: int, download_as: str) -> str | None:
        """A link that grants access to the object for a while; None without a public address."""
        if self.public_client is None:
            return None
        parameters = {
            "Bucket": self.bucket,
            "Key": self._object_key(name),
            "ResponseContentDisposition": f'attachment; filename="{checked(download_as)}"',
        }
        # Signing is computed locally, without a request.
        link: str = self.public_client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
        return link

    def close(self) -> None:
        """Close the connections."""
        self.threads.close()
        self.client.close()
        if self.public_client is not None:
            self.public_client.close()

    async def _call_in_thread(self, work: Callable[..., T], *args: object, **named: object) -> T:
        """Run a call of boto3.

        Raises:
            FileMissing: there is no such object. StorageUnavailable: the service does not answer, or refuses us.
            Busy: too many calls wait for it already.
        """
        with self._translate_errors():
            return await self.threads.run(work, *args, **named)

    async def _read_chunks(self, body: BinaryIO) -> AsyncIterator[bytes]:
        with self._translate_errors():
            async for chunk in chunks(body, self.threads):
                yield chunk

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if _is_missing(error):
                raise FileMissing(str(error)) from error
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500:
                raise  # a wrong key or bucket: waiting does not help
            raise self._storage_unavailable(error) from error
        except (BotoCoreError, Boto3Error) as error:
            raise self._storage_unavailable(error) from error
        self.is_well = True

    def _storage_unavailable(self, error: Exception) -> StorageUnavailable:
        self.is_well = False
        log.warning("storage unavailable", error=type(error).__name__)
        return StorageUnavailable(retry_after=5)

    def _remove_folder(self, prefix: str) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                self.client.delete_object(Bucket=self.bucket, Key=found["Key"])

    def _object_key(self, name: str) -> str:
        return "/".join(filter(None, [self.prefix, checked(name)]))


def _create_client(endpoint: str | None, patience: Patience) -> Any:
    config = Config(
        connect_timeout=min(5, patience.seconds),
        read_timeout=patience.seconds,
        retries={"mode": "standard", "max_attempts": patience.attempts},
        signature_version="s3v4",  # links would be signed the old way
        s3={"addressing_style": "path"},
        # Newer checksums are refused by S3 services that are not Amazon's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint, config=config)


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in MISSING
