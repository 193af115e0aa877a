"""Endpoints of the console for print files. A file contains codes, so only owners and managers download it."""

import asyncio
import base64
from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter
from litestar.response import Redirect, Stream

from backend.core.db.database import Db, Session
from backend.core.http.models import CurrentSettings
from backend.core.http.pagination import Cursor, CursorInvalid, LargeLimit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.storage.objects import FileMissing
from backend.core.storage.store import Files, InjectedFiles
from backend.earning.packages import batches
from backend.earning.packages.models import BatchFile, BatchFilePart
from backend.earning.packages.print_runs import files as printfiles
from backend.earning.packages.print_runs import print_jobs
from backend.earning.packages.print_runs.files import FileUnknown
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import DesignRefused, plan_run
from backend.earning.packages.print_runs.schemas import PrintFileIn, PrintFileList, PrintFileOut, PrintFilePart
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
    brand_transaction,
)

LINK_SECONDS = 300
BYTES = "application/octet-stream"  # browsers save it instead of showing it
FormatPath = Annotated[PrintFormat, PathParameter(description="The format of the files.")]
PartPath = Annotated[int, PathParameter(ge=1, lt=2**31)]
PART = ResponseSpec(
    bytes,
    media_type=BYTES,
    description="The part's bytes; `Repr-Digest` has their SHA-256.",
    generate_examples=False,
)
ELSEWHERE = ResponseSpec(None, description="The part is at the address in `Location`, for five minutes.")


@get("/batches/{key:uuid}/files", opt=READERS, responses=error_responses(batches.BatchUnknown))
async def list_print_files(staff: CurrentMember, session: Session, key: FromPath[UUID]) -> PrintFileList:
    """The files that were ordered for a batch."""
    batch, _ = await batches.get_batch(session, staff.brand_id, key)
    return PrintFileList([PrintFileOut.of(row, batch) for row in await printfiles.list_files(session, batch)])


@get(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=READERS,
    responses=error_responses(batches.BatchUnknown, FileUnknown, CursorInvalid),
)
async def get_print_file(
    staff: CurrentMember,
    session: Session,
    key: FromPath[UUID],
    kind: FormatPath,
    after: Cursor = None,
    limit: LargeLimit = 100,
) -> PrintFileOut:
    """The progress of a batch's files in a format, and the finished parts: the hand-over record."""
    batch, _ = await batches.get_batch(session, staff.brand_id, key)
    file = await printfiles.find_file(session, batch, kind)
    read = partial(printfiles.list_parts, session, file, number_from_cursor(after) or 0)
    rows, following = await read_page(read, limit, attrgetter("part"))
    response = PrintFileOut.of(file, batch)
    response.items = [PrintFilePart.of(row) for row in rows]
    response.next = following
    return response


@put(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=EDITORS,
    status_code=202,
    responses=error_responses(
        RoleForbids, batches.BatchUnknown, batches.BatchOver, printfiles.FileDiffers, DesignRefused
    ),
)
async def put_print_file(
    staff: CurrentMember,
    session: Session,
    settings: CurrentSettings,
    key: FromPath[UUID],
    kind: FormatPath,
    data: JSONBody[PrintFileIn],
) -> PrintFileOut:
    """Order a batch's files in a format; the worker makes them. Idempotent."""
    batch, product = await batches.get_batch(session, staff.brand_id, key)
    run = await asyncio.to_thread(plan_run, kind, batch, data.style(product), settings)
    return PrintFileOut.of(await printfiles.order_files(session, batch, run, staff.staff_id), batch)


@delete(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=EDITORS,
    responses=error_responses(RoleForbids, batches.BatchUnknown, FileUnknown),
)
async def remove_print_file(staff: CurrentMember, session: Session, key: FromPath[UUID], kind: FormatPath) -> None:
    """Remove files once the print shop has them, since they are worth money. A new order gives the same bytes."""
    batch = await batches.lock_batch(session, staff.brand_id, key)
    await printfiles.remove_files(session, batch, kind, staff.staff_id)


@get(
    "/batches/{key:uuid}/files/{kind:str}/parts/{number:int}",
    opt=EDITORS | REAUTHENTICATES,
    responses={200: PART, 307: ELSEWHERE}
    | error_responses(RoleForbids, AuthenticationExpired, batches.BatchUnknown, FileUnknown),
)
async def get_print_part(
    staff: CurrentMember, db: Db, files: InjectedFiles, key: FromPath[UUID], kind: FormatPath, number: PartPath
) -> Stream | Redirect:
    """Download a part of a batch's files. The download is recorded."""
    async with brand_transaction(db, staff) as session:
        batch, _ = await batches.get_batch(session, staff.brand_id, key)
        file = await printfiles.find_file(session, batch, kind)
        part = await printfiles.record_download(session, file, number, staff.staff_id)
    return await _download_response(files, file, part)


async def _download_response(files: Files, file: BatchFile, part: BatchFilePart) -> Stream | Redirect:
    name = f"{print_jobs.parts_folder(file.brand_id, file.id)}/{part.name}"
    link = await files.link(name, seconds=LINK_SECONDS, download_as=part.name)
    if link is not None:
        return Redirect(link, status_code=307)
    try:
        chunks = await files.open(name)
    except FileMissing as error:
        raise FileUnknown from error
    headers = {
        "Content-Length": str(part.bytes),
        "Content-Disposition": f'attachment; filename="{part.name}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(part.sha256)).decode()}:",
        "Cache-Control": "private, no-store",
    }
    return Stream(chunks, headers=headers, media_type=BYTES)


router = Router(
    "/",
    route_handlers=[list_print_files, get_print_file, put_print_file, remove_print_file, get_print_part],
    tags=["Package codes"],
)
