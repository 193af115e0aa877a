"""The console's page about lists of codes that others printed, and of units under state marking."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

from litestar import Request, Router, put
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from backend.brands.door import EDITORS, RoleForbids, Staff, transaction
from backend.database import Db
from backend.errors import TooLarge, Unsupported
from backend.packages import batches, imports
from backend.packages.schemas import ListOut
from backend.settings import Settings
from backend.wire import TheSettings, raises

LIST_BYTES = 1 << 30
CSV = "text/csv"


@dataclass
class ListOperation(Operation):
    """The body of `put_codes` as the OpenAPI shows it: the file as it is."""

    def __post_init__(self) -> None:
        codes = Schema(type=OpenAPIType.STRING, examples=["code\nQ7-TTK2-9ZPA-41\nQ7-9F4M-22LD-0X\n"])
        self.request_body = RequestBody(required=True, content={CSV: OpenAPIMediaType(codes)})


@put(
    "/batches/{key:uuid}/codes",
    opt=EDITORS,
    operation_class=ListOperation,
    request_max_body_size=LIST_BYTES,
    responses=raises(
        RoleForbids,
        batches.BatchUnknown,
        batches.BatchOver,
        imports.NotAList,
        imports.ListUnreadable,
        imports.NoCodes,
        imports.CodesCount,
        TooLarge,
        Unsupported,
    ),
)
async def put_codes(
    request: Request[Any, Any, Any], staff: Staff, db: Db, settings: TheSettings, key: FromPath[UUID]
) -> ListOut:
    """Name the codes of a list: one a line as they are scanned, or a CSV with a column `code`; UTF-8, at most 1 GiB.

    What is refused is said row by row. A further file adds to the list, the same file changes nothing. Codes are kept
    as keyed hashes only.
    """
    async with _received(request, settings) as file, transaction(db, staff) as session:
        batch = await batches.locked(session, staff.brand_id, key)
        _, product = await batches.get(session, staff.brand_id, key)
        return ListOut.of(await imports.take(session, settings.pepper, batch, product, file, staff.staff_id))


@asynccontextmanager
async def _received(request: Request[Any, Any, Any], settings: Settings) -> AsyncIterator[BinaryIO]:
    """The body in a file of its own: it is read whole before a transaction begins, and never held in memory.

    Raises:
        Unsupported: it is no CSV.
    """
    if request.content_type[0] != CSV:
        raise Unsupported
    with tempfile.TemporaryFile(dir=settings.data) as file:
        async for chunk in request.stream():
            file.write(chunk)
        file.seek(0)
        yield file


router = Router("/", route_handlers=[put_codes], tags=["Package codes"])
