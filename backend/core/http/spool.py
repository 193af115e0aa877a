"""Large bodies on their way in: temporary files, of which a process holds a bounded number of bytes in all."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from litestar.di import NamedDependency

from backend.core.http.errors import Busy

# Two of the largest lists of codes at once (console/code_lists.py).
MOST_BYTES = 2 << 30
# The embedded database writes to the same disk.
FREE_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20


class SpoolFull(Busy):
    """Too many large files are being taken in at once. Send this one again in a few minutes."""

    code = "spool_full"


class SpoolFile:
    """One body; its bytes count against all that the process holds until it is closed."""

    def __init__(self, spool: "Spool", file: BinaryIO) -> None:
        self.spool = spool
        self.file = file
        self.bytes = 0
        self._chunks = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Append the next bytes; whole mebibytes go to the disk, in a thread.

        Raises:
            SpoolFull: the process holds too much, or the disk is nearly full.
        """
        self.bytes += len(chunk)
        self.spool.bytes += len(chunk)
        if self.spool.bytes > self.spool.most:
            raise SpoolFull(retry_after=60)
        self._chunks += chunk
        if len(self._chunks) >= CHUNK_BYTES:
            await self._flush_chunks()

    async def finished(self) -> BinaryIO:
        """The whole body, from its start on."""
        await self._flush_chunks()
        self.file.seek(0)
        return self.file

    async def _flush_chunks(self) -> None:
        chunks, self._chunks = self._chunks, bytearray()
        await asyncio.to_thread(self._write_chunks, chunks)

    def _write_chunks(self, chunks: bytearray) -> None:
        if shutil.disk_usage(self.spool.folder).free < FREE_BYTES + len(chunks):
            raise SpoolFull(retry_after=60)
        self.file.write(chunks)
        self.file.flush()


class Spool:
    """The temporary files of this process."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most = most
        self.bytes = 0

    @contextmanager
    def file(self) -> Iterator[SpoolFile]:
        """A file that is gone when the block ends."""
        with tempfile.TemporaryFile(dir=self.folder) as file:
            body = SpoolFile(self, file)
            try:
                yield body
            finally:
                self.bytes -= body.bytes


InjectedSpool = NamedDependency[Spool]
