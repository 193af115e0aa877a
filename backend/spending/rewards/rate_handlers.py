"""Staff endpoints for the rates of a programme."""

from datetime import date
from typing import Annotated

from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Session
from backend.core.http.pagination import Key
from backend.core.http.problems import error_responses
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
)
from backend.programmes.service import ProgrammeUnknown
from backend.spending.rewards import rates
from backend.spending.rewards.staff_schemas import PointRateIn, PointRateList, PointRateOut

Start = Annotated[date, PathParameter(description="The first day of the rate.")]


@get("/programmes/{key:str}/rates", opt=READERS, responses=error_responses(ProgrammeUnknown))
async def list_point_rates(staff: CurrentMember, session: Session, key: Key) -> PointRateList:
    """The programme's rates, newest first."""
    return PointRateList([PointRateOut.of(row) for row in await rates.programme_rates(session, staff, key)])


@put(
    "/programmes/{key:str}/rates/{start:date}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(
        RoleForbids, AuthenticationExpired, ProgrammeUnknown, rates.RateOfRoubles, rates.RateUsed
    ),
)
async def put_point_rate(
    staff: CurrentMember, session: Session, key: Key, start: Start, data: JSONBody[PointRateIn]
) -> PointRateOut:
    """Set the price of a rouble from a day on. A rate that orders have used cannot change."""
    return PointRateOut.of(await rates.put_rate(session, staff, key, start, data))


router = Router("/", route_handlers=[list_point_rates, put_point_rate], tags=["Rewards and orders"])
