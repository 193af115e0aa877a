"""The console's page for the accountant: a period's accounts, lots, and the register of a tax year."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.database import Db
from backend.language import language
from backend.offers import accounting, accounting_files
from backend.offers.accounting import Period, PeriodInvalid
from backend.offers.accounting_schemas import AccountingOut, accounting_out
from backend.wire import Now, TheSettings, raises

First = Annotated[date, QueryParameter(name="from", description="The first day, Moscow's.")]
Last = Annotated[date, QueryParameter(name="to", description="The last day, today at the latest.")]
Year = Annotated[int, QueryParameter(ge=2020, le=2100, description="A calendar year.")]


def _csv(said: str) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(bytes, media_type="text/csv", description=said, generate_examples=False)}


@get("/accounting", opt=READERS, responses=raises(PeriodInvalid))
async def get_accounting(db: Db, staff: Staff, now: Now, first: First, last: Last) -> AccountingOut:
    """What moved in a period, what is owed at its end, and how one led to the other. None of it is advice."""
    return accounting_out(await accounting.of_period(db, staff, Period(first, last).check(now)))


@get("/accounting/file.csv", opt=READERS, responses=_csv("A line for each figure.") | raises(PeriodInvalid))
async def accounting_csv(db: Db, staff: Staff, now: Now, first: First, last: Last) -> Stream:
    """A period's accounts as a table of text; sums in roubles or points."""
    found = await accounting.of_period(db, staff, Period(first, last).check(now))
    return _sent(accounting_files.summary(found, language.get()), f"accounting-{first}-{last}.csv")


@get("/accounting/lots.csv", opt=EDITORS, responses=_csv("A line for each lot.") | raises(RoleForbids, PeriodInvalid))
async def lots_csv(db: Db, staff: Staff, now: Now, last: Last) -> Stream:
    """What agents had at the end of a day, lot by lot with the day on which it expires."""
    period = Period(last, last).check(now)

    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return transaction(db, staff)

    return _sent(accounting_files.lots(transactions, staff.brand_id, period, language.get()), f"lots-{last}.csv")


@get("/tax-register", opt=EDITORS, responses=_csv("A line for each agent and nature.") | raises(RoleForbids))
async def tax_register(db: Db, settings: TheSettings, staff: Staff, now: Now, year: Year) -> Stream:
    """What each agent had of your brand in a year by tax nature, and what of it is above the limit. Not advice."""

    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return transaction(db, staff)

    pieces = accounting_files.register(transactions, settings, staff.brand_id, year, now, language.get())
    return _sent(pieces, f"tax-register-{year}.csv")


def _sent(pieces: AsyncIterator[bytes], name: str) -> Stream:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Stream(pieces, media_type="text/csv", headers=headers)


router = Router("/", route_handlers=[get_accounting, accounting_csv, lots_csv, tax_register], tags=["Accounting"])
