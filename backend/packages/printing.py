"""How the worker makes files for the print shop: part by part, and what is done stays done when it falls."""

import asyncio
import hashlib
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert

from backend import events, jobs
from backend.database import Database
from backend.files.store import Files
from backend.packages.labels.design import Label, LabelRefused
from backend.packages.labels.files import Part, render
from backend.packages.models import BatchFile, BatchFilePart
from backend.packages.printrun import PrintRun
from backend.packages.service import slot_key
from backend.settings import Settings

# The next part that is not done, and all that its bytes depend on; nothing for a file that is done or removed.
NEXT = text("""
    SELECT f.brand_id, f.design, min(n) AS number
    FROM batch_files f CROSS JOIN generate_series(1, f.parts) AS n
    WHERE f.id = :file AND f.state <> 'failed'
        AND NOT EXISTS (SELECT FROM batch_file_parts p WHERE p.file_id = f.id AND p.part = n)
    GROUP BY f.id
""")


class Made(msgspec.Struct, frozen=True):
    """What was written: length in bytes, and SHA-256."""

    bytes: int
    sha256: str


class Interrupted(Exception):
    """The worker stops; the part is made again by the next one."""


def folder(brand_id: int, file_id: int) -> str:
    """Where a file's parts are stored."""
    return f"print/{brand_id}/{file_id}"


@jobs.task("print", seconds=1800)
async def make_part(file_id: int, *, db: Database, files: Files, settings: Settings) -> None:
    """Make the next part of a file."""
    await work(db, files, settings, file_id)


@jobs.task("print")
async def remove_parts(folder: str, *, files: Files) -> None:
    """Remove what is stored of a file that was forgotten."""
    await files.remove_folder(folder)


async def work(db: Database, files: Files, settings: Settings, file_id: int) -> bool:
    """Make one part of a file, and enqueue the job for the next in the transaction that records it.

    The part is stored before its row is written: should we fall in between, it is made again with the same bytes.
    Returns whether parts are missing still.
    """
    rows = await db.rows(NEXT, file=file_id)
    if not rows:
        return False
    run = msgspec.convert(rows[0].design, PrintRun)
    part = run.part(rows[0].number)
    name = f"{folder(rows[0].brand_id, file_id)}/{part.name}"
    # On the disk of the data folder: parts are too large for a /tmp that is kept in memory.
    with tempfile.TemporaryFile(dir=settings.data) as target:
        try:
            made = await _write(run, slot_key(settings.master_key, run.slot), part, target)
        except LabelRefused as error:
            await _fail(db, file_id, str(error))
            return False
        await files.put(name, target)
    more = await _record(db, file_id, part, made)
    if more is None:
        await files.remove(name)  # the file was removed meanwhile
    return bool(more)


async def _write(run: PrintRun, key: bytes, part: Part, target: BinaryIO) -> Made:
    """Draw a part in a thread; when the worker is asked to stop, so is the thread."""
    stop = threading.Event()

    def draw() -> Made:
        digest, length = hashlib.sha256(), 0
        labels = _until(stop, run.labels(key, part.first, part.last))
        for chunk in render(run.kind, part, labels, run.design):
            target.write(chunk)
            digest.update(chunk)
            length += len(chunk)
        return Made(length, digest.hexdigest())

    try:
        return await asyncio.to_thread(draw)
    finally:
        stop.set()


def _until(stop: threading.Event, labels: Iterator[Label]) -> Iterator[Label]:
    for label in labels:
        if stop.is_set():
            raise Interrupted
        yield label


async def _record(db: Database, file_id: int, part: Part, made: Made) -> bool | None:
    """Write a stored part down; says whether parts are missing still, or None if the file is not there any more."""
    async with db.begin() as session:
        file = await session.get(BatchFile, file_id, with_for_update=True)
        if file is None:
            return None
        row = {"file_id": file_id, "part": part.number, "name": part.name, "bytes": made.bytes,
               "codes": part.last - part.first + 1, "first": part.first, "sha256": made.sha256}  # fmt: skip
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


async def _fail(db: Database, file_id: int, problem: str) -> None:
    async with db.begin() as session:
        file = await session.get(BatchFile, file_id, with_for_update=True)
        if file is not None:
            file.state, file.problem = "failed", problem
