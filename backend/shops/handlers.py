"""Endpoints of a till about itself, and sign-in of cashiers."""

from litestar import Router, delete, get, put
from litestar.params import JSONBody

from backend.core.db.database import Db
from backend.core.http.errors import Busy, TooManyRequests, Unauthenticated
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.security.passwords import InjectedPasswords
from backend.shops import shifts
from backend.shops.authentication import CurrentTill, TokenInPages
from backend.shops.schemas import CurrentTillOut, ShiftIn, ShiftOut


@get("/", responses=error_responses(Unauthenticated))
async def get_current_till(db: Db, till: CurrentTill) -> CurrentTillOut:
    """The till's shop, the brands it serves, its cashier on shift, and what it may do."""
    return await shifts.till_home(db, till)


@put("/shift", responses=error_responses(Unauthenticated, shifts.ShiftRefused, TokenInPages, TooManyRequests, Busy))
async def start_shift(
    data: JSONBody[ShiftIn],
    db: Db,
    passwords: InjectedPasswords,
    settings: CurrentSettings,
    till: CurrentTill,
    now: Now,
) -> ShiftOut:
    """Sign a cashier in with a PIN until the shift ends. The cashier before is signed out.

    A cashier without a PIN signs in without one, unless the till requires it. Wrong PINs make only this till wait,
    longer each time. A token that is visible in pages cannot sign in.
    """
    till.require_secret_token()
    return await shifts.begin_shift(db, passwords, settings, till, data.cashier, data.pin, now)


@delete("/shift", responses=error_responses(Unauthenticated, TokenInPages))
async def end_shift(db: Db, till: CurrentTill) -> None:
    """Sign the cashier out."""
    till.require_secret_token()
    await shifts.end_shift(db, till)


router = Router("/", route_handlers=[get_current_till, start_shift, end_shift], tags=["Tills"])
