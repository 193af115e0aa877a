"""Endpoints of tills: what each brand owes the shop."""

from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from backend.checkout.settlements import files as statement_files
from backend.checkout.settlements import service as statements
from backend.checkout.settlements.files import Format, StatementParties, Transactions
from backend.checkout.settlements.schemas import TillStatementPage
from backend.core.db.database import Database, Db
from backend.core.http.pagination import CursorInvalid, number_from_cursor
from backend.core.http.problems import error_responses
from backend.core.language import language
from backend.core.tabular.output.table_files import XLSX
from backend.identity.brands.models import Brand
from backend.shops.authentication import CurrentTill, TillIdentity, TokenInPages
from backend.shops.models import Shop

MEDIA: dict[Format, str] = {"csv": "text/csv", "xlsx": XLSX, "pdf": "application/pdf"}
NumberPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="Counts from 1 for each shop and brand.")]
BrandPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The brand's number.")]
STATEMENT_ERRORS = (statements.StatementUnknown, TokenInPages)
FILE = "/statements/{brand:int}/{number:int}/file"


def file_responses(kind: Format) -> dict[int, ResponseSpec]:
    """The OpenAPI response of a statement's file."""
    description = (
        "Each payable of the period, then the total; in the language of Accept-Language, times in the shop's time zone."
    )
    return {200: ResponseSpec(bytes, media_type=MEDIA[kind], description=description, generate_examples=False)}


def file_response(transactions: Transactions, parties: StatementParties, kind: Format) -> Stream:
    """A statement's file, streamed while it is written."""
    name = f"statement-{parties.shop.number}-{parties.statement.number}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    pieces = statement_files.file_chunks(transactions, parties, kind, language.get())
    return Stream(pieces, media_type=MEDIA[kind], headers=headers)


@get("/statements", responses=error_responses(CursorInvalid, TokenInPages))
async def list_till_statements(
    db: Db,
    till: CurrentTill,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> TillStatementPage:
    """What each brand owes the shop: the open periods so far, and closed ones, newest first."""
    till.require_secret_token()
    return await statements.till_statements(db, till, number_from_cursor(after), limit)


@get(f"{FILE}.csv", responses=file_responses("csv") | error_responses(*STATEMENT_ERRORS))
async def download_till_statement_csv(db: Db, till: CurrentTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement as CSV."""
    return file_response(db.begin, await _statement_parties(db, till, brand, number, "csv"), "csv")


@get(f"{FILE}.xlsx", responses=file_responses("xlsx") | error_responses(*STATEMENT_ERRORS))
async def download_till_statement_xlsx(db: Db, till: CurrentTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement as XLSX."""
    return file_response(db.begin, await _statement_parties(db, till, brand, number, "xlsx"), "xlsx")


@get(
    f"{FILE}.pdf",
    responses=file_responses("pdf") | error_responses(*STATEMENT_ERRORS, statement_files.StatementTooLong),
)
async def download_till_statement_pdf(db: Db, till: CurrentTill, brand: BrandPath, number: NumberPath) -> Stream:
    """A closed statement as PDF."""
    return file_response(db.begin, await _statement_parties(db, till, brand, number, "pdf"), "pdf")


async def _statement_parties(
    db: Database, till: TillIdentity, brand_id: int, number: int, kind: Format
) -> StatementParties:
    till.require_secret_token()
    async with db.begin() as session:
        found = await statements.get_statement(session, till.shop_id, brand_id, number)
        await statement_files.check_format(session, found, kind)
        shop, brand = await session.get_one(Shop, till.shop_id), await session.get_one(Brand, brand_id)
        return StatementParties(found, shop, brand)


router = Router(
    "/",
    route_handlers=[
        list_till_statements,
        download_till_statement_csv,
        download_till_statement_xlsx,
        download_till_statement_pdf,
    ],
    tags=["Settlements"],
)
