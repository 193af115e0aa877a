"""Objects as files of this machine."""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from backend.core.atomic_file import sync_folder
from backend.core.storage.objects import CHUNK_BYTES, FileMissing, checked, chunks, storage_threads

ABANDONED_SECONDS = 86_400
UNFINISHED = ".unfinished"


class Folder:
    """Objects as files below a folder that only this user may enter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.threads = storage_threads()
        self.is_well = True
        self.unfinished = root / UNFINISHED
        self.unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        self._remove_unfinished()

    async def put(self, name: str, source: BinaryIO) -> None:
        """Store what a file holds from its start on: whole or not at all. An object of that name is replaced."""
        await self.threads.run(self._put_file, self._object_path(name), source)

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """The object's bytes in chunks. Raises FileMissing."""
        try:
            file = await self.threads.run(self._object_path(name).open, "rb")
        except FileNotFoundError as error:
            raise FileMissing(name) from error
        return chunks(file, self.threads)

    async def exists(self, name: str) -> bool:
        """Whether an object of that name is stored."""
        return await self.threads.run(self._object_path(name).is_file)

    async def remove(self, name: str) -> None:
        """Forget an object; one that is not there is as good as removed."""
        await self.threads.run(self._object_path(name).unlink, missing_ok=True)

    async def remove_folder(self, name: str) -> None:
        """Forget all objects whose names begin with this and a slash."""
        await self.threads.run(self._remove_folder, self._object_path(name))

    async def link(self, name: str, *, seconds: int, download_as: str) -> str | None:  # noqa: ARG002
        """No address leads past the API into a folder."""
        return None

    def close(self) -> None:
        """Let the threads go."""
        self.threads.close()

    def _object_path(self, name: str) -> Path:
        return self.root / checked(name)

    def _put_file(self, path: Path, source: BinaryIO) -> None:
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
        sync_folder(path.parent)

    def _remove_folder(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)

    def _remove_unfinished(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.unfinished.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()
