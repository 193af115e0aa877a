"""The console's page about what a rouble costs in a programme."""

from datetime import date
from typing import Annotated

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import Key
from backend.database import Session
from backend.offers import rates
from backend.offers.keeping_schemas import RateIn, RateList, RateOut
from backend.programmes.service import ProgrammeUnknown
from backend.wire import raises

Start = Annotated[date, PathParameter(description="The first day of the rate.")]


@get("/programmes/{key:str}/rates", opt=READERS, responses=raises(ProgrammeUnknown))
async def list_rates(staff: Staff, session: Session, key: Key) -> RateList:
    """The programme's rates, newest first."""
    return RateList([RateOut.of(row) for row in await rates.listed(session, staff, key)])


@put(
    "/programmes/{key:str}/rates/{start:date}",
    opt=EDITORS,
    responses=raises(RoleForbids, ProgrammeUnknown, rates.RateOfRoubles, rates.RateUsed),
)
async def put_rate(staff: Staff, session: Session, key: Key, start: Start, data: JSONBody[RateIn]) -> RateOut:
    """Say what a rouble costs from a day on. A rate that orders were charged by stays."""
    return RateOut.of(await rates.put(session, staff, key, start, data))


router = Router("/", route_handlers=[list_rates, put_rate], tags=["Spending"])
