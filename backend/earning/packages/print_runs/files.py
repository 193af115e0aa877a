"""Print files of a batch: orders, progress, downloads and removal."""

import msgspec
from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, jobs
from backend.core.http.errors import Conflict, NotFound
from backend.earning.packages.batches import BatchOver
from backend.earning.packages.models import Batch, BatchFile, BatchFilePart
from backend.earning.packages.print_runs import print_jobs
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import PrintRun


class FileUnknown(NotFound):
    """The batch has no such file, or this part of it does not exist yet."""

    code = "file_unknown"


class FileDiffers(Conflict):
    """There is already a file of this format with another design. Remove it before you order a new one."""

    code = "file_differs"


async def order_files(session: AsyncSession, batch: Batch, run: PrintRun, staff_id: int | None = None) -> BatchFile:
    """Order a batch's files in a format. Idempotent; a failed order is started again.

    Raises:
        FileDiffers: they were ordered with another design. BatchOver: the batch is closed or revoked.
    """
    found = await session.scalar(_batch_files_query(batch, run.kind).with_for_update())
    if found is None:
        if batch.state in ("closed", "revoked"):
            raise BatchOver
        try:
            async with session.begin_nested():
                found = await _add_file(session, batch, run, staff_id)
        except IntegrityError:
            # A concurrent request placed the same order.
            found = await find_file(session, batch, run.kind)
    if found.design != msgspec.to_builtins(run):
        raise FileDiffers
    if found.state == "failed":
        found.state, found.problem = "waiting", ""
        await jobs.enqueue(session, print_jobs.make_part, file_id=found.id)
    return found


async def find_file(session: AsyncSession, batch: Batch, kind: PrintFormat) -> BatchFile:
    """A batch's file in a format. Raises FileUnknown."""
    found = await session.scalar(_batch_files_query(batch, kind))
    if found is None:
        raise FileUnknown
    return found


async def list_files(session: AsyncSession, batch: Batch) -> list[BatchFile]:
    """The files that were ordered for a batch."""
    query = select(BatchFile).where(BatchFile.batch_id == batch.id).order_by(BatchFile.format)
    return list(await session.scalars(query))


async def list_parts(session: AsyncSession, file: BatchFile, after: int, limit: int) -> list[BatchFilePart]:
    """The finished parts of a file in order, after a number."""
    query = select(BatchFilePart).where(BatchFilePart.file_id == file.id, BatchFilePart.part > after)
    return list(await session.scalars(query.order_by(BatchFilePart.part).limit(limit)))


async def record_download(session: AsyncSession, file: BatchFile, number: int, staff_id: int | None) -> BatchFilePart:
    """The part to download; the event records the member of staff. Raises FileUnknown."""
    part = await session.get(BatchFilePart, (file.id, number))
    if part is None:
        raise FileUnknown
    events.record(
        session,
        "batch.file_taken",
        brand_id=file.brand_id,
        staff_id=staff_id,
        name=part.name,
        sha256=part.sha256,
        codes=part.codes,
    )
    return part


async def remove_files(session: AsyncSession, batch: Batch, kind: PrintFormat, staff_id: int | None = None) -> None:
    """Delete a file with all its parts; the worker removes the stored bytes. Raises FileUnknown."""
    file = await find_file(session, batch, kind)
    names = await session.scalars(
        delete(BatchFilePart).where(BatchFilePart.file_id == file.id).returning(BatchFilePart.name)
    )
    count = len(names.all())
    await session.delete(file)
    await session.flush()
    events.record(
        session,
        "batch.file_removed",
        brand_id=batch.brand_id,
        staff_id=staff_id,
        batch=str(batch.key),
        format=file.format,
        parts=count,
    )
    await jobs.enqueue(session, print_jobs.remove_parts, folder=print_jobs.parts_folder(file.brand_id, file.id))


def _batch_files_query(batch: Batch, kind: PrintFormat) -> Select[BatchFile]:
    return select(BatchFile).where(BatchFile.batch_id == batch.id, BatchFile.format == kind)


async def _add_file(session: AsyncSession, batch: Batch, run: PrintRun, staff_id: int | None) -> BatchFile:
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
    events.record(
        session,
        "batch.file_ordered",
        brand_id=batch.brand_id,
        staff_id=staff_id,
        batch=str(batch.key),
        format=run.kind,
        parts=run.parts,
    )
    await jobs.enqueue(session, print_jobs.make_part, file_id=file.id)
    return file
