"""The console's page about a shop's tills and cashiers, for the brand that keeps it."""

from typing import Annotated

from litestar import Response, Router, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.console.paging import AfterKey, Key, Limit
from backend.database import Db, Session
from backend.errors import Busy
from backend.passwords import ThePasswords
from backend.shops import cashiers, service, tills
from backend.shops.schemas import CashierIn, CashierOut, CashierPage, TillIn, TillOut, TillPage, TillToken
from backend.wire import KEY, CursorInvalid, cursor, raises, word

TillPath = Annotated[str, PathParameter(pattern=KEY, description="Chosen by the shop's keeper.")]
CashierPath = Annotated[str, PathParameter(pattern=KEY, description="A label, not a name.")]
KEPT = (RoleForbids, service.ShopUnknown, service.KeeperOnly)
MADE = ResponseSpec(TillOut, description="A new till, or one that was switched off or called by pages, with its token.")


@get("/shops/{key:str}/tills", opt=READERS, responses=raises(*KEPT, CursorInvalid))
async def list_tills(staff: Staff, session: Session, key: Key, after: AfterKey = None, limit: Limit = 50) -> TillPage:
    """The shop's tills, those included that are switched off."""
    shop = await service.kept(session, staff, key)
    rows = await tills.page(session, shop, word(after), limit + 1)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return TillPage([TillOut.of(row) for row in rows[:limit]], following)


@put(
    "/shops/{key:str}/tills/{till:str}",
    opt=EDITORS,
    responses={201: MADE} | raises(*KEPT, tills.OriginsForWebOnly),
)
async def put_till(
    staff: Staff, session: Session, key: Key, till: TillPath, data: JSONBody[TillIn]
) -> Response[TillOut]:
    """Make a till, or make it so. A new one's token is shown this once: put it into the till."""
    shop = await service.kept(session, staff, key)
    row, token = await tills.put(session, staff, shop, till, data)
    return Response(TillOut.of(row, token), status_code=201 if token else 200)


@post(
    "/shops/{key:str}/tills/{till:str}/tokens", opt=EDITORS, responses=raises(*KEPT, tills.TillUnknown, tills.TillOff)
)
async def create_till_token(staff: Staff, session: Session, key: Key, till: TillPath) -> TillToken:
    """Give a till another token. The old one ends at once, and whoever stands at the till signs in anew."""
    shop = await service.kept(session, staff, key)
    return TillToken(await tills.new_token(session, staff, shop, till))


@delete("/shops/{key:str}/tills/{till:str}", opt=EDITORS, responses=raises(*KEPT, tills.TillUnknown))
async def disable_till(staff: Staff, session: Session, key: Key, till: TillPath) -> None:
    """Switch a till off: its token opens nothing from now on."""
    await tills.disable(session, staff, await service.kept(session, staff, key), till)


@get("/shops/{key:str}/cashiers", opt=READERS, responses=raises(*KEPT, CursorInvalid))
async def list_cashiers(
    staff: Staff, session: Session, key: Key, after: AfterKey = None, limit: Limit = 50
) -> CashierPage:
    """The shop's cashiers, those included who were let go."""
    shop = await service.kept(session, staff, key)
    rows = await cashiers.page(session, shop, word(after), limit + 1)
    following = cursor(rows[limit - 1].key) if len(rows) > limit else None
    return CashierPage([CashierOut.of(row) for row in rows[:limit]], following)


@put("/shops/{key:str}/cashiers/{cashier:str}", opt=EDITORS, responses=raises(*KEPT, Busy))
async def put_cashier(
    staff: Staff, db: Db, passwords: ThePasswords, key: Key, cashier: CashierPath, data: JSONBody[CashierIn]
) -> CashierOut:
    """Make a cashier, or give him this PIN (without one: none). His shifts end with the change."""
    hashed = await passwords.hash(data.pin) if data.pin else None
    async with transaction(db, staff) as session:
        shop = await service.kept(session, staff, key)
        return CashierOut.of(await cashiers.put(session, staff, shop, cashier, hashed))


@delete("/shops/{key:str}/cashiers/{cashier:str}", opt=EDITORS, responses=raises(*KEPT, cashiers.CashierUnknown))
async def disable_cashier(staff: Staff, session: Session, key: Key, cashier: CashierPath) -> None:
    """Let a cashier go: he is signed out everywhere and cannot sign in."""
    await cashiers.disable(session, staff, await service.kept(session, staff, key), cashier)


router = Router(
    "/",
    route_handlers=[
        list_tills, put_till, create_till_token, disable_till, list_cashiers, put_cashier, disable_cashier,
    ],
    tags=["Shops"],
)  # fmt: skip
