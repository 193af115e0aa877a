"""Files for the print shop as staff see them: ordering, watching, taking and removing them."""

import msgspec
from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, jobs
from backend.errors import Conflict, NotFound
from backend.packages import printing
from backend.packages.batches import BatchOver
from backend.packages.labels.files import Format
from backend.packages.models import Batch, BatchFile, BatchFilePart
from backend.packages.printrun import PrintRun


class FileUnknown(NotFound):
    """The batch has no such file, or this part of it is not there."""


class FileDiffers(Conflict):
    """There is a file of this format with another design. Remove it before you order it anew."""


async def order(session: AsyncSession, batch: Batch, run: PrintRun, staff_id: int | None = None) -> BatchFile:
    """Order a batch's files in a format. Asked again, it is the same order; one that failed begins anew.

    Raises:
        FileDiffers: they were ordered with another design. BatchOver: the batch is.
    """
    found = await session.scalar(_by(batch, run.kind).with_for_update())
    if found is None:
        if batch.state in ("closed", "revoked"):
            raise BatchOver
        try:
            async with session.begin_nested():
                found = await _add(session, batch, run, staff_id)
        except IntegrityError:
            # The same order came twice at once, and the other was first.
            found = await find(session, batch, run.kind)
    if found.design != msgspec.to_builtins(run):
        raise FileDiffers
    if found.state == "failed":
        found.state, found.problem = "waiting", ""
        await jobs.enqueue(session, printing.make_part, file_id=found.id)
    return found


async def find(session: AsyncSession, batch: Batch, kind: Format) -> BatchFile:
    """A batch's file in a format. Raises FileUnknown."""
    found = await session.scalar(_by(batch, kind))
    if found is None:
        raise FileUnknown
    return found


async def all_of(session: AsyncSession, batch: Batch) -> list[BatchFile]:
    """What was ordered of a batch."""
    query = select(BatchFile).where(BatchFile.batch_id == batch.id).order_by(BatchFile.format)
    return list(await session.scalars(query))


async def parts(session: AsyncSession, file: BatchFile, after: int, limit: int) -> list[BatchFilePart]:
    """The finished parts of a file in order, from those behind a number on."""
    query = select(BatchFilePart).where(BatchFilePart.file_id == file.id, BatchFilePart.part > after)
    return list(await session.scalars(query.order_by(BatchFilePart.part).limit(limit)))


async def take(session: AsyncSession, file: BatchFile, number: int, staff_id: int | None) -> BatchFilePart:
    """A part that somebody is about to download; who takes codes is written down. Raises FileUnknown."""
    part = await session.get(BatchFilePart, (file.id, number))
    if part is None:
        raise FileUnknown
    events.record(session, "batch.file_taken", brand_id=file.brand_id, staff_id=staff_id, name=part.name,
                  sha256=part.sha256, codes=part.codes)  # fmt: skip
    return part


async def remove(session: AsyncSession, batch: Batch, kind: Format, staff_id: int | None = None) -> None:
    """Forget a file with all its parts; the worker removes what is stored. Raises FileUnknown."""
    file = await find(session, batch, kind)
    names = await session.scalars(
        delete(BatchFilePart).where(BatchFilePart.file_id == file.id).returning(BatchFilePart.name)
    )
    count = len(names.all())
    await session.delete(file)
    await session.flush()
    events.record(session, "batch.file_removed", brand_id=batch.brand_id, staff_id=staff_id, batch=str(batch.key),
                  format=file.format, parts=count)  # fmt: skip
    await jobs.enqueue(session, printing.remove_parts, folder=printing.folder(file.brand_id, file.id))


def _by(batch: Batch, kind: Format) -> Select[BatchFile]:
    return select(BatchFile).where(BatchFile.batch_id == batch.id, BatchFile.format == kind)


async def _add(session: AsyncSession, batch: Batch, run: PrintRun, staff_id: int | None) -> BatchFile:
    file = BatchFile(
        brand_id=batch.brand_id,
        batch_id=batch.id,
        format=run.kind,
        design=msgspec.to_builtins(run),
        state="waiting",
        parts=run.parts,
    )
    session.add(file)
    await session.flush()
    events.record(session, "batch.file_ordered", brand_id=batch.brand_id, staff_id=staff_id, batch=str(batch.key),
                  format=run.kind, parts=run.parts)  # fmt: skip
    await jobs.enqueue(session, printing.make_part, file_id=file.id)
    return file
