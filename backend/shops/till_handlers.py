"""Staff endpoints of a shop's tills and cashiers, for the brand that manages it."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Db, Session
from backend.core.http.errors import Busy
from backend.core.http.models import KEY
from backend.core.http.pagination import AfterKey, CursorInvalid, Key, Limit, read_page, text_from_cursor
from backend.core.http.problems import error_responses
from backend.core.security.passwords import InjectedPasswords
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    RoleForbids,
    brand_transaction,
)
from backend.shops import cashiers, service, tills
from backend.shops.schemas import CashierIn, CashierOut, CashierPage, TillIn, TillOut, TillPage, TillToken

TillPath = Annotated[str, PathParameter(pattern=KEY, description="Chosen by the shop's keeper.")]
CashierPath = Annotated[str, PathParameter(pattern=KEY, description="A label, not a name.")]
KEEPER_ERRORS = (RoleForbids, service.ShopUnknown, service.KeeperOnly)
NEW_TOKEN = ResponseSpec(
    TillOut, description="A till with a new token: it is new, was switched off, or had origins before."
)


@get("/shops/{key:str}/tills", opt=READERS, responses=error_responses(*KEEPER_ERRORS, CursorInvalid))
async def list_tills(
    staff: CurrentMember, session: Session, key: Key, after: AfterKey = None, limit: Limit = 50
) -> TillPage:
    """The shop's tills, switched off ones included."""
    shop = await service.get_managed_shop(session, staff, key)
    read = partial(tills.list_tills, session, shop, text_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, attrgetter("key"))
    return TillPage([TillOut.of(row) for row in rows], next_cursor)


@put(
    "/shops/{key:str}/tills/{till:str}",
    opt=EDITORS | REAUTHENTICATES,
    responses={201: NEW_TOKEN} | error_responses(*KEEPER_ERRORS, AuthenticationExpired, tills.OriginsForWebOnly),
)
async def put_till(
    staff: CurrentMember, session: Session, key: Key, till: TillPath, data: JSONBody[TillIn]
) -> Response[TillOut]:
    """Create or change a till. A new token is shown only once: enter it into the till."""
    shop = await service.get_managed_shop(session, staff, key)
    row, token = await tills.put_till(session, staff, shop, till, data)
    return Response(TillOut.of(row, token), status_code=201 if token else 200)


@post(
    "/shops/{key:str}/tills/{till:str}/tokens",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(*KEEPER_ERRORS, AuthenticationExpired, tills.TillUnknown, tills.TillOff),
)
async def create_till_token(staff: CurrentMember, session: Session, key: Key, till: TillPath) -> TillToken:
    """Replace a till's token. The old one is invalid at once, and the cashier must sign in again."""
    shop = await service.get_managed_shop(session, staff, key)
    return TillToken(await tills.replace_token(session, staff, shop, till))


@delete("/shops/{key:str}/tills/{till:str}", opt=EDITORS, responses=error_responses(*KEEPER_ERRORS, tills.TillUnknown))
async def disable_till(staff: CurrentMember, session: Session, key: Key, till: TillPath) -> None:
    """Switch a till off: its token is invalid from now on."""
    await tills.disable_till(session, staff, await service.get_managed_shop(session, staff, key), till)


@get("/shops/{key:str}/cashiers", opt=READERS, responses=error_responses(*KEEPER_ERRORS, CursorInvalid))
async def list_cashiers(
    staff: CurrentMember, session: Session, key: Key, after: AfterKey = None, limit: Limit = 50
) -> CashierPage:
    """The shop's cashiers, disabled ones included."""
    shop = await service.get_managed_shop(session, staff, key)
    read = partial(cashiers.list_cashiers, session, shop, text_from_cursor(after))
    rows, next_cursor = await read_page(read, limit, attrgetter("key"))
    return CashierPage([CashierOut.of(row) for row in rows], next_cursor)


@put("/shops/{key:str}/cashiers/{cashier:str}", opt=EDITORS, responses=error_responses(*KEEPER_ERRORS, Busy))
async def put_cashier(
    staff: CurrentMember,
    db: Db,
    passwords: InjectedPasswords,
    key: Key,
    cashier: CashierPath,
    data: JSONBody[CashierIn],
) -> CashierOut:
    """Create a cashier, or set the PIN (omitted: remove it). A change ends the cashier's shifts."""
    hashed = await passwords.staff.hash(data.pin) if data.pin else None
    async with brand_transaction(db, staff) as session:
        shop = await service.get_managed_shop(session, staff, key)
        return CashierOut.of(await cashiers.put_cashier(session, staff, shop, cashier, hashed))


@delete(
    "/shops/{key:str}/cashiers/{cashier:str}",
    opt=EDITORS,
    responses=error_responses(*KEEPER_ERRORS, cashiers.CashierUnknown),
)
async def disable_cashier(staff: CurrentMember, session: Session, key: Key, cashier: CashierPath) -> None:
    """Disable a cashier: signed out everywhere, and unable to sign in."""
    await cashiers.disable_cashier(session, staff, await service.get_managed_shop(session, staff, key), cashier)


router = Router(
    "/",
    route_handlers=[
        list_tills,
        put_till,
        create_till_token,
        disable_till,
        list_cashiers,
        put_cashier,
        disable_cashier,
    ],
    tags=["Shops"],
)
