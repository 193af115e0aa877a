"""The shop's own view, at its tills: what each brand owes it."""

from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from backend.brands.models import Brand
from backend.checkout import statement_files, statements
from backend.checkout.statement_files import Format, Parties, Transactions
from backend.checkout.statement_schemas import TillStatements
from backend.database import Database, Db
from backend.language import language
from backend.programmes.files_out import XLSX
from backend.shops.door import TheTill, TillAt, TokenInPages
from backend.shops.models import Shop
from backend.wire import CursorInvalid, place, raises

MEDIA: dict[Format, str] = {"csv": "text/csv", "xlsx": XLSX, "pdf": "application/pdf"}
NumberPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="Counts from 1 for each shop and brand.")]
BrandPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The brand's number.")]
REFUSED = (statements.StatementUnknown, TokenInPages)
FILE = "/statements/{brand:int}/{number:int}/file"


def file_of(kind: Format) -> dict[int, ResponseSpec]:
    """How a statement's file is described."""
    said = "Each due of the period, then the total; in the language of Accept-Language, times are the shop's."
    return {200: ResponseSpec(bytes, media_type=MEDIA[kind], description=said, generate_examples=False)}


def sent(transactions: Transactions, parties: Parties, kind: Format) -> Stream:
    """A statement's file, written while it is sent."""
    name = f"statement-{parties.shop.number}-{parties.statement.number}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    pieces = statement_files.written(transactions, parties, kind, language.get())
    return Stream(pieces, media_type=MEDIA[kind], headers=headers)


@get("/statements", responses=raises(CursorInvalid, TokenInPages))
async def list_till_statements(
    db: Db,
    till: TheTill,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> TillStatements:
    """What each brand owes the shop: the open periods as they stand, and closed ones, newest first."""
    till.need_secret()
    return await statements.of_shop(db, till, place(after), limit)


@get(f"{FILE}.csv", responses=file_of("csv") | raises(*REFUSED))
async def till_statement_csv(db: Db, till: TheTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement as a table of text."""
    return sent(db.begin, await _parties(db, till, brand, number, "csv"), "csv")


@get(f"{FILE}.xlsx", responses=file_of("xlsx") | raises(*REFUSED))
async def till_statement_xlsx(db: Db, till: TheTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement as a workbook."""
    return sent(db.begin, await _parties(db, till, brand, number, "xlsx"), "xlsx")


@get(f"{FILE}.pdf", responses=file_of("pdf") | raises(*REFUSED, statement_files.StatementTooLong))
async def till_statement_pdf(db: Db, till: TheTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement on paper."""
    return sent(db.begin, await _parties(db, till, brand, number, "pdf"), "pdf")


async def _parties(db: Database, till: TillAt, brand_id: int, number: int, kind: Format) -> Parties:
    till.need_secret()
    async with db.begin() as session:
        found = await statements.get(session, till.shop_id, brand_id, number)
        await statement_files.check(session, found, kind)
        shop, brand = await session.get_one(Shop, till.shop_id), await session.get_one(Brand, brand_id)
        return Parties(found, shop, brand)


router = Router(
    "/",
    route_handlers=[list_till_statements, till_statement_csv, till_statement_xlsx, till_statement_pdf],
    tags=["Settlement"],
)
