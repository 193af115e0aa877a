"""Staff endpoints for accounting: the accounts of a period, lots, and the register of a tax year."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Db
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.language import language
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction
from backend.spending.accounting import files as accounting_files
from backend.spending.accounting import service as accounting
from backend.spending.accounting.schemas import AccountingOut, accounting_out
from backend.spending.accounting.service import AccountingPeriodInvalid, Period

First = Annotated[date, QueryParameter(name="from", description="The first day, in Moscow time.")]
Last = Annotated[date, QueryParameter(name="to", description="The last day, today at the latest.")]
Year = Annotated[int, QueryParameter(ge=2020, le=2100, description="A calendar year.")]


def _csv_responses(description: str) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(bytes, media_type="text/csv", description=description, generate_examples=False)}


@get("/accounting", opt=READERS, responses=error_responses(AccountingPeriodInvalid))
async def get_accounting(db: Db, staff: CurrentMember, now: Now, first: First, last: Last) -> AccountingOut:
    """Movements of a period and the balances at its beginning and end. None of it is advice."""
    return accounting_out(await accounting.period_accounts(db, staff, Period(first, last).check(now)))


@get(
    "/accounting/file.csv",
    opt=READERS,
    responses=_csv_responses("One line a figure.") | error_responses(AccountingPeriodInvalid),
)
async def download_accounting_csv(db: Db, staff: CurrentMember, now: Now, first: First, last: Last) -> Stream:
    """The accounts of a period as CSV; sums in roubles or points."""
    period_accounts = await accounting.period_accounts(db, staff, Period(first, last).check(now))
    return _csv_response(
        accounting_files.summary_csv(period_accounts, language.get()), f"accounting-{first}-{last}.csv"
    )


@get(
    "/accounting/lots.csv",
    opt=EDITORS,
    responses=_csv_responses("One line a lot.") | error_responses(RoleForbids, AccountingPeriodInvalid),
)
async def download_lots_csv(db: Db, staff: CurrentMember, now: Now, last: Last) -> Stream:
    """The lots of agents at the end of a day, with the day of expiry."""
    period = Period(last, last).check(now)

    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return brand_transaction(db, staff)

    return _csv_response(
        accounting_files.lots_csv(transactions, staff.brand_id, period, language.get()), f"lots-{last}.csv"
    )


@get(
    "/tax-register",
    opt=EDITORS,
    responses=_csv_responses("One line for each agent and nature.") | error_responses(RoleForbids),
)
async def download_tax_register(
    db: Db, settings: CurrentSettings, staff: CurrentMember, now: Now, year: Year
) -> Stream:
    """The sum of each agent from your brand in a year by tax nature, and the part above the limit. Not advice."""

    def transactions() -> AbstractAsyncContextManager[AsyncSession]:
        return brand_transaction(db, staff)

    pieces = accounting_files.tax_register_csv(transactions, settings, staff.brand_id, year, now, language.get())
    return _csv_response(pieces, f"tax-register-{year}.csv")


def _csv_response(pieces: AsyncIterator[bytes], name: str) -> Stream:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Stream(pieces, media_type="text/csv", headers=headers)


router = Router(
    "/",
    route_handlers=[get_accounting, download_accounting_csv, download_lots_csv, download_tax_register],
    tags=["Accounting"],
)
