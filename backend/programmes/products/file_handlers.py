"""Import and export of products as files in the console."""

from dataclasses import dataclass
from typing import ClassVar

from litestar import Router, get, post
from litestar.response import Stream

from backend.core.db.database import Db
from backend.core.http import forms
from backend.core.http.errors import TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.http.spool import InjectedSpool, SpoolFull
from backend.core.language import language
from backend.core.tabular import reader, workbook_process
from backend.core.tabular.file_operations import FileFormat, FileOperation, UploadOperation, file_response
from backend.identity.brands import import_time
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction
from backend.programmes.products import columns, exports, imports
from backend.programmes.schemas import ProductImportReport


@post(
    "/products/import",
    opt=EDITORS,
    status_code=200,
    operation_class=UploadOperation,
    request_max_body_size=64 * 2**20,
    responses=error_responses(
        RoleForbids,
        imports.FileTooLarge,
        imports.TooManyRows,
        reader.FileUnreadable,
        reader.LineBroken,
        columns.ColumnMissing,
        columns.ColumnsRepeated,
        imports.ImportUnderWay,
        imports.ImportCollided,
        workbook_process.WorkbookBusy,
        SpoolFull,
        TooManyRequests,
    ),
)
async def import_products(
    request: HTTPRequest,
    staff: CurrentMember,
    db: Db,
    settings: CurrentSettings,
    now: Now,
    spool: InjectedSpool,
) -> ProductImportReport:
    """Import a CSV or XLSX of products: good rows are imported, refused rows are reported with line and column.

    The first line names the columns, in English (the API's own names; `price` in kopecks, or `price_rub` in roubles)
    or in Russian (Код, Наименование, Штрихкод, Цена, руб). Only `sku` is required, and `name_ru` for new products.
    Fields without a column stay unchanged; an empty cell makes the field empty. Idempotent. The report has the encoding
    and the separator with which the file was read, and the field of each header.
    """
    with spool.file() as body:
        await forms.read(request, body)
        file = await body.finished()
        time_spent = import_time.charge_time(db, settings, staff, request.state.network, now)
        async with time_spent, brand_transaction(db, staff) as session:
            return await imports.import_products(session, staff, file, imports.import_limits(settings, now))


@dataclass
class ProductsOperation(FileOperation):
    """A file of products."""

    csv_example: ClassVar[str] = "sku,name_ru,price\nRA16-374,Розетка двойная,45000\n"


@get("/products/export", opt=READERS, operation_class=ProductsOperation)
async def export_products(staff: CurrentMember, db: Db, kind: FileFormat = "csv") -> Stream:
    """All products as a file that can be changed and imported again, archived ones too.

    Headers are in the language of Accept-Language; the Russian CSV has semicolons and roubles with a comma.
    """
    return file_response(exports.export_products(db, staff, kind, language.get()), "products", kind)


router = Router("/", route_handlers=[import_products, export_products], tags=["Products"])
