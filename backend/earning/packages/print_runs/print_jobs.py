"""Jobs that make the files for the print shop, part by part; finished parts survive a crash of the worker."""

import asyncio
import hashlib
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert

from backend.core.db import events, jobs
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.core.storage.store import Files
from backend.earning.packages import slot_keys
from backend.earning.packages.models import BatchFile, BatchFilePart
from backend.earning.packages.print_runs.labels.files import FilePart, render_part
from backend.earning.packages.print_runs.labels.label_design import Label, LabelRefused
from backend.earning.packages.print_runs.print_run import PrintRun

# The next missing part, and all that its bytes depend on; no row for a file that is done or removed.
NEXT_PART = text("""
    SELECT f.brand_id, f.design, min(n) AS number
    FROM batch_files f CROSS JOIN generate_series(1, f.parts) AS n
    WHERE f.id = :file AND f.state <> 'failed'
        AND NOT EXISTS (SELECT FROM batch_file_parts p WHERE p.file_id = f.id AND p.part = n)
    GROUP BY f.id
""")


class WrittenPart(msgspec.Struct, frozen=True):
    """The length in bytes and the SHA-256 of a written part."""

    bytes: int
    sha256: str


class Interrupted(Exception):
    """The worker stops; the next one makes the part again."""


def parts_folder(brand_id: int, file_id: int) -> str:
    """The folder of a file's parts in the storage."""
    return f"print/{brand_id}/{file_id}"


@jobs.task("print", seconds=1800)
async def make_part(file_id: int, *, db: Database, files: Files, settings: Settings) -> None:
    """Make the next part of a file."""
    await make_next_part(db, files, settings, file_id)


@jobs.task("print")
async def remove_parts(folder: str, *, files: Files) -> None:
    """Remove the stored parts of a deleted file."""
    await files.remove_folder(folder)


async def make_next_part(db: Database, files: Files, settings: Settings, file_id: int) -> bool:
    """Make one part of a file, and enqueue the job for the next in the transaction that records it.

    The part is stored before its row is written: after a crash in between it is made again with the same bytes.
    Returns whether parts are still missing.
    """
    rows = await db.rows(NEXT_PART, file=file_id)
    if not rows:
        return False
    run = msgspec.convert(rows[0].design, PrintRun)
    part = run.part(rows[0].number)
    name = f"{parts_folder(rows[0].brand_id, file_id)}/{part.name}"
    async with db.begin() as session:
        key = await slot_keys.load_key(session, settings, run.slot)
    # On the disk of the data folder: parts are too large for a /tmp in memory.
    with tempfile.TemporaryFile(dir=settings.data) as target:
        try:
            written = await _draw_part(run, key, part, target)
        except LabelRefused as error:
            await _record_failure(db, file_id, str(error))
            return False
        await files.put(name, target)
    more = await _record_part(db, file_id, part, written)
    if more is None:
        await files.remove(name)  # the file was removed meanwhile
    return bool(more)


async def _draw_part(run: PrintRun, key: bytes, part: FilePart, target: BinaryIO) -> WrittenPart:
    """Draw a part in a thread; the thread stops with the worker."""
    stop = threading.Event()

    def draw() -> WrittenPart:
        digest, length = hashlib.sha256(), 0
        labels = _until_stopped(stop, run.labels(key, part.first, part.last))
        for chunk in render_part(run.kind, part, labels, run.design):
            target.write(chunk)
            digest.update(chunk)
            length += len(chunk)
        return WrittenPart(length, digest.hexdigest())

    try:
        return await asyncio.to_thread(draw)
    finally:
        stop.set()


def _until_stopped(stop: threading.Event, labels: Iterator[Label]) -> Iterator[Label]:
    for label in labels:
        if stop.is_set():
            raise Interrupted
        yield label


async def _record_part(db: Database, file_id: int, part: FilePart, written: WrittenPart) -> bool | None:
    """Record a stored part. Returns whether parts are still missing, or None if the file was removed."""
    async with db.begin() as session:
        file = await session.get(BatchFile, file_id, with_for_update=True)
        if file is None:
            return None
        row = {
            "file_id": file_id,
            "part": part.number,
            "name": part.name,
            "bytes": written.bytes,
            "codes": part.last - part.first + 1,
            "first": part.first,
            "sha256": written.sha256,
        }
        await session.execute(insert(BatchFilePart).values(row).on_conflict_do_nothing())
        done = select(func.count(), cast(func.sum(BatchFilePart.codes), BigInteger)).where(
            BatchFilePart.file_id == file_id
        )
        file.parts_done, file.codes_done = (await session.execute(done)).one()
        if file.parts_done < file.parts:
            file.state = "working"
            await jobs.enqueue(session, make_part, file_id=file_id)
            return True
        if file.state != "done":
            file.state, file.done_at = "done", func.now()
            events.record(session, "batch.file_done", brand_id=file.brand_id, format=file.format, codes=file.codes_done)
        return False


async def _record_failure(db: Database, file_id: int, problem: str) -> None:
    async with db.begin() as session:
        file = await session.get(BatchFile, file_id, with_for_update=True)
        if file is not None:
            file.state, file.problem = "failed", problem
