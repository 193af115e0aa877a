"""The console's page about files of products."""

from dataclasses import dataclass
from typing import Annotated

from litestar import Router, get, post
from litestar.datastructures import UploadFile
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import MultipartBody, QueryParameter
from litestar.response import Stream

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.database import Db, Session
from backend.language import language
from backend.programmes import columns, exports, imports, rows_in
from backend.programmes.files_out import XLSX
from backend.programmes.schemas import ImportOut
from backend.wire import In, Now, TheSettings, raises

MEDIA: dict[exports.Format, str] = {"csv": "text/csv", "xlsx": XLSX}


class ProductFile(In):
    """A form with one file, CSV or XLSX."""

    file: UploadFile


@post(
    "/products/import",
    opt=EDITORS,
    status_code=200,
    request_max_body_size=64 * 2**20,
    responses=raises(
        RoleForbids,
        imports.FileTooLarge,
        imports.TooManyRows,
        rows_in.FileUnreadable,
        rows_in.LineBroken,
        columns.ColumnMissing,
        columns.ColumnsRepeated,
        imports.ImportUnderWay,
        imports.ImportCollided,
    ),
)
async def import_products(
    staff: Staff, session: Session, settings: TheSettings, now: Now, data: MultipartBody[ProductFile]
) -> ImportOut:
    """Take in a CSV or XLSX of products: good rows are in, each refused one is told with its line and column.

    The first line names the columns, in English (the API's own names; `price` in kopecks, or `price_rub` in roubles)
    or in Russian (Код, Наименование, Штрихкод, Цена, руб). Only `sku` must be there, and `name_ru` for new products.
    What has no column stays as it is; an empty cell empties. The same file again changes nothing.
    """
    return await imports.take(session, staff, data.file.file, imports.limits_of(settings, now))


@dataclass
class ExportOperation(Operation):
    """The answer is one of two kinds of file, which the framework cannot say."""

    def __post_init__(self) -> None:
        lines = Schema(type=OpenAPIType.STRING, examples=["sku,name_ru,price\nRA16-374,Розетка двойная,45000\n"])
        book = Schema(type=OpenAPIType.STRING, content_media_type=XLSX)
        content = {MEDIA["csv"]: OpenAPIMediaType(lines), MEDIA["xlsx"]: OpenAPIMediaType(book)}
        self.responses = (self.responses or {}) | {"200": OpenAPIResponse("The file.", content=content)}


@get("/products/export", opt=READERS, operation_class=ExportOperation)
async def export_products(
    staff: Staff, db: Db, kind: Annotated[exports.Format, QueryParameter(name="format")] = "csv"
) -> Stream:
    """All products as a file that can be changed and imported again, archived ones too.

    Headers are in the language of Accept-Language; the Russian CSV has semicolons and roubles with a comma.
    """
    name = f'attachment; filename="products.{kind}"'
    pieces = exports.products(db, staff, kind, language.get())
    return Stream(pieces, media_type=MEDIA[kind], headers={"Content-Disposition": name, "Cache-Control": "no-store"})


router = Router("/", route_handlers=[import_products, export_products], tags=["Products"])
