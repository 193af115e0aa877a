"""What a till asks about itself, and cashiers coming and going."""

from litestar import Router, delete, get, put
from litestar.params import JSONBody

from backend.database import Db
from backend.errors import Busy, TooManyRequests, Unauthenticated
from backend.passwords import ThePasswords
from backend.shops import shifts
from backend.shops.door import TheTill
from backend.shops.schemas import ShiftIn, ShiftOut, TillHome
from backend.wire import Now, TheSettings, raises


@get("/", responses=raises(Unauthenticated))
async def get_till(db: Db, till: TheTill) -> TillHome:
    """The till's shop, the brands it serves, who stands at it and what it may."""
    return await shifts.home(db, till)


@put("/shift", responses=raises(Unauthenticated, shifts.ShiftRefused, TooManyRequests, Busy))
async def begin_shift(
    data: JSONBody[ShiftIn], db: Db, passwords: ThePasswords, settings: TheSettings, till: TheTill, now: Now
) -> ShiftOut:
    """Sign a cashier in with his PIN until the shift ends; whoever stood here before is signed out.

    A cashier without a PIN signs in without one, where the till does not want it. Wrong PINs make this till wait
    longer and longer, and no other.
    """
    return await shifts.begin(db, passwords, settings, till, data.cashier, data.pin, now)


@delete("/shift", responses=raises(Unauthenticated))
async def end_shift(db: Db, till: TheTill) -> None:
    """Sign the cashier out."""
    await shifts.end(db, till)


router = Router("/", route_handlers=[get_till, begin_shift, end_shift], tags=["Tills"])
