"""Objects in a bucket of an S3 service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from backend.files.objects import FileMissing, checked, chunks
from backend.settings import SettingMissing

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


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
        return chunks(found["Body"])

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

    async def remove_folder(self, name: str) -> None:
        """Forget all objects whose names begin with this and a slash."""
        await asyncio.to_thread(self._remove_folder, self._key(name) + "/")

    async def link(self, name: str, *, seconds: int, download_as: str) -> str | None:
        """An address that gives the object to whoever has it, for a while; None where no address is public."""
        if self.public_client is None:
            return None
        asked = {
            "Bucket": self.bucket,
            "Key": self._key(name),
            "ResponseContentDisposition": f'attachment; filename="{checked(download_as)}"',
        }
        # Signing is arithmetic: nobody is called.
        link: str = self.public_client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
        return link

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()
        if self.public_client is not None:
            self.public_client.close()

    def _remove_folder(self, prefix: str) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                self.client.delete_object(Bucket=self.bucket, Key=found["Key"])

    def _key(self, name: str) -> str:
        return "/".join(filter(None, [self.prefix, checked(name)]))


def _client(endpoint: str | None) -> Any:
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 4},
        signature_version="s3v4",  # links would be signed the old way
        s3={"addressing_style": "path"},
        # Newer checksums are refused by S3 services that are not Amazon's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint, config=config)


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in MISSING
