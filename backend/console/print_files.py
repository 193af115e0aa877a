"""The console's page about files for the print shop. Whoever has one has the codes: owners and managers take them."""

import asyncio
import base64
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter
from litestar.response import Redirect, Stream

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.console.batches import Cursor, Limit
from backend.database import Db, Session
from backend.files.objects import FileMissing
from backend.files.store import Files, TheFiles
from backend.packages import batches, printfiles, printing
from backend.packages.labels.files import Format
from backend.packages.models import BatchFile, BatchFilePart
from backend.packages.print_schemas import PartOut, PrintIn, PrintList, PrintOut
from backend.packages.printfiles import FileUnknown
from backend.packages.printrun import DesignRefused, plan
from backend.wire import CursorInvalid, TheSettings, cursor, place, raises

LINK_SECONDS = 300
BYTES = "application/octet-stream"  # to be kept, not shown, whatever the format
FormatPath = Annotated[Format, PathParameter(description="What the print shop takes.")]
PartPath = Annotated[int, PathParameter(ge=1, lt=2**31)]
PART = ResponseSpec(
    bytes,
    media_type=BYTES,
    description="The part's bytes; `Repr-Digest` has their SHA-256.",
    generate_examples=False,
)
ELSEWHERE = ResponseSpec(None, description="It lies at the address in `Location`, for five minutes.")


@get("/batches/{key:uuid}/files", opt=READERS, responses=raises(batches.BatchUnknown))
async def list_print_files(staff: Staff, session: Session, key: FromPath[UUID]) -> PrintList:
    """What was ordered of a batch."""
    batch, _ = await batches.get(session, staff.brand_id, key)
    return PrintList([PrintOut.of(row, batch) for row in await printfiles.all_of(session, batch)])


@get(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=READERS,
    responses=raises(batches.BatchUnknown, FileUnknown, CursorInvalid),
)
async def get_print_file(
    staff: Staff, session: Session, key: FromPath[UUID], kind: FormatPath, after: Cursor = None, limit: Limit = 100
) -> PrintOut:
    """How far a batch's files in a format are made, and the parts that are done: the hand-over record."""
    batch, _ = await batches.get(session, staff.brand_id, key)
    file = await printfiles.find(session, batch, kind)
    rows = await printfiles.parts(session, file, place(after) or 0, limit + 1)
    answer = PrintOut.of(file, batch)
    answer.items = [PartOut.of(row) for row in rows[:limit]]
    answer.next = cursor(rows[limit - 1].part) if len(rows) > limit else None
    return answer


@put(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=EDITORS,
    status_code=202,
    responses=raises(RoleForbids, batches.BatchUnknown, batches.BatchOver, printfiles.FileDiffers, DesignRefused),
)
async def put_print_file(
    staff: Staff,
    session: Session,
    settings: TheSettings,
    key: FromPath[UUID],
    kind: FormatPath,
    data: JSONBody[PrintIn],
) -> PrintOut:
    """Order a batch's files in a format; the worker makes them. Ordered again, it is the same order."""
    batch, product = await batches.get(session, staff.brand_id, key)
    run = await asyncio.to_thread(plan, kind, batch, data.looks(product), settings)
    return PrintOut.of(await printfiles.order(session, batch, run, staff.staff_id), batch)


@delete(
    "/batches/{key:uuid}/files/{kind:str}",
    opt=EDITORS,
    responses=raises(RoleForbids, batches.BatchUnknown, FileUnknown),
)
async def remove_print_file(staff: Staff, session: Session, key: FromPath[UUID], kind: FormatPath) -> None:
    """Remove files when the print shop has them: they are money. They can be ordered again, with the same bytes."""
    batch = await batches.locked(session, staff.brand_id, key)
    await printfiles.remove(session, batch, kind, staff.staff_id)


@get(
    "/batches/{key:uuid}/files/{kind:str}/parts/{number:int}",
    opt=EDITORS,
    responses={200: PART, 307: ELSEWHERE} | raises(RoleForbids, batches.BatchUnknown, FileUnknown),
)
async def get_print_part(
    staff: Staff, db: Db, files: TheFiles, key: FromPath[UUID], kind: FormatPath, number: PartPath
) -> Response[Any]:
    """Take a part of a batch's files. Who takes one is written down."""
    async with transaction(db, staff) as session:
        batch, _ = await batches.get(session, staff.brand_id, key)
        file = await printfiles.find(session, batch, kind)
        part = await printfiles.take(session, file, number, staff.staff_id)
    return await _download(files, file, part)


async def _download(files: Files, file: BatchFile, part: BatchFilePart) -> Response[Any]:
    name = f"{printing.folder(file.brand_id, file.id)}/{part.name}"
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
