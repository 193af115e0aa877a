"""Staff endpoints of settlement: what the brand owes a shop, by period."""

from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Annotated

from litestar import Router, get, put
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.settlements import files as statement_files
from backend.checkout.settlements import service as statements
from backend.checkout.settlements.files import Format, StatementParties, StatementTooLong
from backend.checkout.settlements.handlers import NumberPath, file_response, file_responses
from backend.checkout.settlements.schemas import SettlementStatementOut, SettlementStatementPage
from backend.core.db.database import Database, Db, Session
from backend.core.http.errors import BodyChanged
from backend.core.http.models import Now
from backend.core.http.pagination import AfterNumber, CursorInvalid, Key, Limit, number_from_cursor
from backend.core.http.problems import error_responses
from backend.identity.brands import service as brands
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    Member,
    RoleForbids,
    brand_transaction,
)
from backend.shops import service as shops

STATEMENT_PATH = "/shops/{key:str}/statements/{number:int}"
STATEMENT_ERRORS = (shops.ShopUnknown, statements.StatementUnknown)


@get("/shops/{key:str}/statements", opt=READERS, responses=error_responses(shops.ShopUnknown, CursorInvalid))
async def list_settlement_statements(
    staff: CurrentMember, session: Session, key: Key, after: AfterNumber = None, limit: Limit = 50
) -> SettlementStatementPage:
    """What the brand owes the shop: closed periods, newest first, and the open one so far."""
    shop, _ = await shops.get_shop(session, staff, key)
    return await statements.statement_page(session, staff, shop, number_from_cursor(after), limit)


@put(
    STATEMENT_PATH,
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids,
        AuthenticationExpired,
        shops.ShopUnknown,
        statements.StatementNotNext,
        statements.StatementPeriodInvalid,
        BodyChanged,
    ),
)
async def close_settlement_statement(
    staff: CurrentMember,
    session: Session,
    now: Now,
    key: Key,
    number: NumberPath,
    through: Annotated[
        date | None, QueryParameter(description="The period's last day, in the shop's time zone; it must be over.")
    ] = None,
) -> SettlementStatementOut:
    """Close the period with this number, which is the next one. This is final; a repeat gets the same response.

    The statement contains sales and returns until now, or through a day, so a month can be closed on any later day.
    Offline sales count at the time when they were made. Sales that are sent later and later returns belong to the next
    period.
    """
    shop, _ = await shops.get_shop(session, staff, key)
    return SettlementStatementOut.of(await statements.close_period(session, staff, shop, number, through, now))


@get(f"{STATEMENT_PATH}/file.csv", opt=READERS, responses=file_responses("csv") | error_responses(*STATEMENT_ERRORS))
async def download_statement_csv(staff: CurrentMember, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement as CSV."""
    return await _statement_file(staff, db, key, number, "csv")


@get(f"{STATEMENT_PATH}/file.xlsx", opt=READERS, responses=file_responses("xlsx") | error_responses(*STATEMENT_ERRORS))
async def download_statement_xlsx(staff: CurrentMember, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement as XLSX."""
    return await _statement_file(staff, db, key, number, "xlsx")


@get(
    f"{STATEMENT_PATH}/file.pdf",
    opt=READERS,
    responses=file_responses("pdf") | error_responses(*STATEMENT_ERRORS, StatementTooLong),
)
async def download_statement_pdf(staff: CurrentMember, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement as PDF."""
    return await _statement_file(staff, db, key, number, "pdf")


async def _statement_file(member: Member, db: Database, key: str, number: int, kind: Format) -> Stream:
    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return brand_transaction(db, member)

    async with transactions() as session:
        shop, _ = await shops.get_shop(session, member, key)
        statement = await statements.get_statement(session, shop.id, member.brand_id, number)
        await statement_files.check_format(session, statement, kind)
        parties = StatementParties(statement, shop, await brands.get_brand(session, member))
    return file_response(transactions, parties, kind)


router = Router(
    "/",
    route_handlers=[
        list_settlement_statements,
        close_settlement_statement,
        download_statement_csv,
        download_statement_xlsx,
        download_statement_pdf,
    ],
    tags=["Settlements"],
)
