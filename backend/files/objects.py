"""What both kinds of storage agree on: names of objects, and how they are read."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

CHUNK_BYTES = 1 << 18
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


class FileMissing(LookupError):
    """No object of that name is stored."""


def checked(name: str) -> str:
    """A name that stays below its root and needs no quoting anywhere. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an object: {name!r}")
    return name


async def chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
