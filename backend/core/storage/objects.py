"""What both kinds of storage agree on: names of objects, how they are read, and what holds when one hangs."""

import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from backend.core.http.errors import Busy
from backend.core.threads import Threads

CHUNK_BYTES = 1 << 18
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
# Calls to a storage that are under way in a process, and those that may wait for one of them to end.
AT_ONCE, WAITING = 6, 12


class FileMissing(LookupError):
    """No object of that name is stored."""


class StorageUnavailable(Busy):
    """Our file storage does not answer. Please try again in a moment."""

    code = "storage_unavailable"


def storage_threads() -> Threads:
    """Threads for the calls of one storage: a hanging call blocks nothing else."""
    return Threads("storage", AT_ONCE, WAITING)


def checked(name: str) -> str:
    """A name that stays below its root and needs no quoting anywhere. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of an object: {name!r}")
    return name


async def chunks(file: BinaryIO, threads: Threads) -> AsyncIterator[bytes]:
    try:
        while chunk := await threads.run(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
