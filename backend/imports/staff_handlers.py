"""The console's routes for imports: check a file, read its report, apply it."""

from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Annotated, ClassVar
from uuid import UUID

from litestar import Response, Router, get, post, put
from litestar.params import FromPath, QueryParameter

from backend.core.db.database import Db, Session
from backend.core.http import forms
from backend.core.http.errors import BodyChanged, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.tabular import reader, workbook_process
from backend.core.tabular.file_operations import MEDIA, FileFormat, FileOperation, UploadOperation
from backend.earning.packages import batches
from backend.earning.packages.code_lists import imports as lists
from backend.identity.brands import import_time
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction
from backend.imports import import_kinds, report_file, seller_file, service
from backend.imports.import_kinds import ImportRequest
from backend.imports.models import ImportKind
from backend.imports.schemas import ImportFileOut, ImportFilePage
from backend.programmes.products import columns
from backend.programmes.products import imports as products
from backend.spending.rewards import service as rewards
from backend.spending.stock import file_reader as stock_reader
from backend.spending.stock import service as stock

REFUSALS = (
    RoleForbids,
    reader.FileUnreadable,
    reader.LineBroken,
    workbook_process.WorkbookBusy,
    import_kinds.TargetInvalid,
    products.FileTooLarge,
    products.TooManyRows,
    products.ImportUnderWay,
    products.ImportCollided,
    columns.ColumnMissing,
    columns.ColumnsRepeated,
    rewards.RewardNotFound,
    stock.RewardWithoutStock,
    stock.StockImportRunning,
    stock.StockFileTooLong,
    stock_reader.StockColumnsInvalid,
    batches.BatchUnknown,
    batches.BatchOver,
    lists.NotAList,
    lists.ListUnreadable,
    lists.NoCodes,
    lists.CodesCount,
    lists.CodeColumnMissing,
    seller_file.SellerColumns,
    seller_file.TooManySellers,
)


@dataclass
class ReportOperation(FileOperation):
    """The report of an import."""

    csv_example: ClassVar[str] = "Rows,2\nRefused,1\n"


@put(
    "/imports/{key:uuid}",
    opt=EDITORS,
    operation_class=UploadOperation,
    request_max_body_size=33 * 2**20,
    responses=error_responses(*REFUSALS, BodyChanged, TooManyRequests),
)
async def put_import(
    request: HTTPRequest,
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    now: Now,
    key: FromPath[UUID],
    kind: Annotated[ImportKind, QueryParameter(description="What the file holds.")],
    target: Annotated[
        str, QueryParameter(max_length=64, description="The offer's key of a `stock`, the batch's id of `codes`.")
    ] = "",
    apply: Annotated[bool, QueryParameter(description="Apply the file at once, without a check before.")] = False,
) -> ImportFileOut:
    """Check a CSV or XLSX: nothing is changed, and the report has the result for each row.

    Idempotent by `id`: the same file again gets the same answer. Apply it within a day by `POST .../apply`; the ten
    newest files of a brand are held, sealed. `sellers` has the columns inn, allowed (yes, no) and note; the others are
    as in their own routes, up to 32 MiB.
    """
    # Held in memory, because stock codes must not be on the disk in clear.
    body = forms.Memory()
    await forms.read(request, body)
    import_request = ImportRequest(key, kind, target, apply)
    time_spent = import_time.charge_time(db, settings, staff, request.state.network, now)
    async with time_spent, brand_transaction(db, staff) as session:
        return ImportFileOut.of(await service.check_file(session, settings, staff, import_request, body.content(), now))


@post(
    "/imports/{key:uuid}/apply",
    opt=EDITORS,
    status_code=200,
    responses=error_responses(*REFUSALS, service.ImportUnknown, service.ImportExpired, TooManyRequests),
)
async def apply_import(
    request: HTTPRequest,
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    now: Now,
    key: FromPath[UUID],
) -> ImportFileOut:
    """Apply a checked file. Idempotent. The report is of now, since data may have changed after the check."""
    time_spent = import_time.charge_time(db, settings, staff, request.state.network, now)
    async with time_spent, brand_transaction(db, staff) as session:
        return ImportFileOut.of(await service.apply_import(session, settings, staff, key, now))


@get("/imports", opt=READERS, responses=error_responses(CursorInvalid))
async def list_imports(
    staff: CurrentMember, session: Session, after: AfterNumber = None, limit: Limit = 50
) -> ImportFilePage:
    """Files that were checked or applied by `PUT /imports/{id}`, newest first."""
    read = partial(service.list_imports, session, staff, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return ImportFilePage([ImportFileOut.of(row) for row in rows], following)


@get("/imports/{key:uuid}", opt=READERS, responses=error_responses(service.ImportUnknown))
async def get_import(staff: CurrentMember, session: Session, key: FromPath[UUID]) -> ImportFileOut:
    """One import and its report."""
    return ImportFileOut.of(await service.get_import(session, staff, key))


@get(
    "/imports/{key:uuid}/report",
    opt=READERS,
    operation_class=ReportOperation,
    responses=error_responses(service.ImportUnknown),
)
async def get_import_report(
    staff: CurrentMember,
    session: Session,
    key: FromPath[UUID],
    kind: FileFormat = "csv",
) -> Response[bytes]:
    """The report as a file, in the language of Accept-Language: counts, encoding, columns, and each refused row."""
    imported = ImportFileOut.of(await service.get_import(session, staff, key))
    headers = {"Content-Disposition": f'attachment; filename="import-{key}.{kind}"', "Cache-Control": "no-store"}
    return Response(report_file.report_content(imported, kind), media_type=MEDIA[kind], headers=headers)


router = Router(
    "/", route_handlers=[put_import, apply_import, list_imports, get_import, get_import_report], tags=["Imports"]
)
