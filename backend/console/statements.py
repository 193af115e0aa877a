"""The console's page about settlement: what the brand owes a shop, period by period."""

from contextlib import AbstractAsyncContextManager

from litestar import Router, get, put
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import service as brands
from backend.brands.door import EDITORS, READERS, Member, RoleForbids, Staff, transaction
from backend.checkout import statement_files, statements
from backend.checkout.statement_files import Format, Parties, StatementTooLong
from backend.checkout.statement_handlers import NumberPath, file_of, sent
from backend.checkout.statement_schemas import StatementOut, StatementPage
from backend.console.paging import AfterNumber, Key, Limit
from backend.database import Database, Db, Session
from backend.shops import service as shops
from backend.wire import CursorInvalid, place, raises

ONE = "/shops/{key:str}/statements/{number:int}"
UNKNOWN = (shops.ShopUnknown, statements.StatementUnknown)


@get("/shops/{key:str}/statements", opt=READERS, responses=raises(shops.ShopUnknown, CursorInvalid))
async def list_statements(
    staff: Staff, session: Session, key: Key, after: AfterNumber = None, limit: Limit = 50
) -> StatementPage:
    """What the brand owes the shop: closed periods, newest first, and how the open one stands."""
    shop, _ = await shops.get(session, staff, key)
    return await statements.page(session, staff, shop, place(after), limit)


@put(ONE, opt=EDITORS, responses=raises(RoleForbids, shops.ShopUnknown, statements.StatementNotNext))
async def close_statement(staff: Staff, session: Session, key: Key, number: NumberPath) -> StatementOut:
    """Close the period with this number, the next one, for good. Again gets the same answer.

    What was sold and returned until now is in it; whatever comes later goes into the next one.
    """
    shop, _ = await shops.get(session, staff, key)
    return StatementOut.of(await statements.close(session, staff, shop, number))


@get(f"{ONE}/file.csv", opt=READERS, responses=file_of("csv") | raises(*UNKNOWN))
async def statement_csv(staff: Staff, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement as a table of text."""
    return await _file(staff, db, key, number, "csv")


@get(f"{ONE}/file.xlsx", opt=READERS, responses=file_of("xlsx") | raises(*UNKNOWN))
async def statement_xlsx(staff: Staff, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement as a workbook."""
    return await _file(staff, db, key, number, "xlsx")


@get(f"{ONE}/file.pdf", opt=READERS, responses=file_of("pdf") | raises(*UNKNOWN, StatementTooLong))
async def statement_pdf(staff: Staff, db: Db, key: Key, number: NumberPath) -> Stream:
    """A closed statement on paper."""
    return await _file(staff, db, key, number, "pdf")


async def _file(member: Member, db: Database, key: str, number: int, kind: Format) -> Stream:
    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return transaction(db, member)

    async with transactions() as session:
        shop, _ = await shops.get(session, member, key)
        found = await statements.get(session, shop.id, member.brand_id, number)
        await statement_files.check(session, found, kind)
        parties = Parties(found, shop, await brands.brand_of(session, member))
    return sent(transactions, parties, kind)


router = Router(
    "/",
    route_handlers=[list_statements, close_statement, statement_csv, statement_xlsx, statement_pdf],
    tags=["Settlement"],
)
