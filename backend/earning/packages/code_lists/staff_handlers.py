"""Endpoints of the console for lists of codes printed elsewhere, and of units under state marking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from litestar import Router, put
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from backend.core.db.database import Db
from backend.core.http.errors import TooLarge, TooManyRequests, Unsupported
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.http.spool import InjectedSpool, Spool, SpoolFull
from backend.core.tabular import reader, workbook_process
from backend.core.tabular.output.table_files import XLSX
from backend.earning.packages import batches
from backend.earning.packages.code_lists import imports
from backend.earning.packages.schemas import CodeListOut
from backend.identity.brands import import_time
from backend.identity.brands.authentication import EDITORS, CurrentMember, RoleForbids, brand_transaction

MAX_LIST_BYTES = 1 << 30
CSV = "text/csv"


@dataclass
class ListOperation(Operation):
    """The OpenAPI operation of `put_code_list`, whose body is the file itself."""

    def __post_init__(self) -> None:
        codes = Schema(type=OpenAPIType.STRING, examples=["code\nQ7-TTK2-9ZPA-41\nQ7-9F4M-22LD-0X\n"])
        self.request_body = RequestBody(
            required=True, content={CSV: OpenAPIMediaType(codes), XLSX: OpenAPIMediaType(Schema())}
        )


@put(
    "/batches/{key:uuid}/codes",
    opt=EDITORS,
    operation_class=ListOperation,
    request_max_body_size=MAX_LIST_BYTES,
    responses=error_responses(
        RoleForbids,
        batches.BatchUnknown,
        batches.BatchOver,
        imports.NotAList,
        imports.ListUnreadable,
        imports.NoCodes,
        imports.CodesCount,
        imports.CodeColumnMissing,
        reader.LineBroken,
        workbook_process.WorkbookBusy,
        SpoolFull,
        TooLarge,
        TooManyRequests,
        Unsupported,
    ),
)
async def put_code_list(
    request: HTTPRequest,
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    spool: InjectedSpool,
    now: Now,
    key: FromPath[UUID],
) -> CodeListOut:
    """Upload the codes of a list: one a line as they are scanned, or a CSV or XLSX with a column `code` (Код, Codes and
    the like); at most 1 GiB.

    Refused rows are reported one by one, also rows that a spreadsheet damaged, and lines that seem to have a second
    column, unless a header names the columns or the code is in quotes. A further file adds to the list, the same file
    changes nothing. Codes are stored as keyed hashes only.
    """
    time_spent = import_time.charge_time(db, settings, staff, request.state.network, now)
    async with _receive_file(request, spool) as file, time_spent, brand_transaction(db, staff) as session:
        batch = await batches.lock_batch(session, staff.brand_id, key)
        _, product = await batches.get_batch(session, staff.brand_id, key)
        return CodeListOut.of(
            await imports.import_codes(session, settings.peppers, batch, product, file, staff.staff_id)
        )


@asynccontextmanager
async def _receive_file(request: HTTPRequest, spool: Spool) -> AsyncIterator[BinaryIO]:
    """The body as a temporary file: it is received completely before the transaction begins, and never held in memory.

    Raises:
        Unsupported: it is neither CSV nor XLSX. SpoolFull: too many uploads are in progress.
    """
    if request.content_type[0] not in (CSV, XLSX):
        raise Unsupported
    with spool.file() as body:
        async for chunk in request.stream():
            await body.write(chunk)
        yield await body.finished()


router = Router("/", route_handlers=[put_code_list], tags=["Package codes"])
