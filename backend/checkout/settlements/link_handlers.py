"""Staff endpoints of the brand that manages a shop: other brands' links and the limits of their debts."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from litestar import Router, delete, get, put
from litestar.params import JSONBody, PathParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.settlements import payables
from backend.checkout.settlements import service as statements
from backend.checkout.settlements.handlers import NumberPath
from backend.core.db.database import Db
from backend.core.http.models import CurrentSettings
from backend.core.http.pagination import AfterNumber, CursorInvalid, Key, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.identity.brands.authentication import (
    EDITORS,
    READERS,
    REAUTHENTICATES,
    AuthenticationExpired,
    CurrentMember,
    Member,
    RoleForbids,
)
from backend.shops import links, service
from backend.shops.link_schemas import ShopLinkIn, ShopLinkOut, ShopLinkPage
from backend.shops.models import BrandShop

LINK_PATH = "/shops/{key:str}/brands/{brand:int}"
KEEPER_ERRORS = (RoleForbids, service.ShopUnknown, service.KeeperOnly)
BrandPath = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The brand's number.")]


@get("/shops/{key:str}/brands", opt=READERS, responses=error_responses(*KEEPER_ERRORS, CursorInvalid))
async def list_shop_links(
    staff: CurrentMember, db: Db, key: Key, after: AfterNumber = None, limit: Limit = 50
) -> ShopLinkPage:
    """Other brands of a shop that yours manages: requested, accepted and ended links."""
    # Row level security would hide other brands' links, so this transaction runs without it; the shop is the caller's
    # own.
    async with db.begin() as session:
        shop = await service.get_managed_shop(session, staff, key)
        read = partial(links.list_links, session, shop, number_from_cursor(after))
        rows, following = await read_page(read, limit, lambda row: row[0].brand_id)
        items = [ShopLinkOut.of(link, name, await payables.current_debt(session, link)) for link, name in rows]
    return ShopLinkPage(items, following)


@put(
    LINK_PATH,
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(*KEEPER_ERRORS, AuthenticationExpired, links.LinkUnknown),
)
async def accept_shop_link(
    staff: CurrentMember, db: Db, settings: CurrentSettings, key: Key, brand: BrandPath, data: JSONBody[ShopLinkIn]
) -> ShopLinkOut:
    """Accept another brand's link with your shop, and set the limit of its debt. A repeat only sets the limit.

    Without a limit the installation's applies (`shop_debt_most`). Above it the shop's tills accept none of that brand's
    codes and certificates until goods are returned or you note a payment.
    """
    most = data.debt_most
    if most is None:
        most = settings.numbers.at("shop_debt_most", datetime.now(UTC).date())
    async with db.begin() as session:
        link, name = await _locked_link(session, staff, key, brand)
        await links.accept_link(session, staff, await service.get_managed_shop(session, staff, key), link)
        await payables.set_debt_limit(session, staff, link, most)
        return await _link_response(session, link, name)


@put(
    f"{LINK_PATH}/payments/{{number:int}}",
    opt=EDITORS | REAUTHENTICATES,
    responses=error_responses(*KEEPER_ERRORS, AuthenticationExpired, links.LinkUnknown, statements.StatementUnknown),
)
async def put_settlement_payment(
    staff: CurrentMember, db: Db, key: Key, brand: BrandPath, number: NumberPath
) -> ShopLinkOut:
    """Note that your shop was paid the brand's closed statement with this number, and all before it."""
    async with db.begin() as session:
        link, name = await _locked_link(session, staff, key, brand)
        await payables.record_payment(session, staff, link, number)
        return await _link_response(session, link, name)


@delete(LINK_PATH, opt=EDITORS, responses=error_responses(*KEEPER_ERRORS, links.LinkUnknown))
async def decline_shop_link(staff: CurrentMember, db: Db, key: Key, brand: BrandPath) -> None:
    """Decline or end another brand's link: your tills accept none of its codes. Its debt stays."""
    async with db.begin() as session:
        link, _ = await _locked_link(session, staff, key, brand)
        await links.end_link(session, staff, await service.get_managed_shop(session, staff, key), link)


async def _locked_link(session: AsyncSession, member: Member, key: str, brand_id: int) -> tuple[BrandShop, str]:
    """Another brand's link with a shop of the caller's brand, locked so that its debt does not change."""
    return await links.lock_link(session, await service.get_managed_shop(session, member, key), brand_id)


async def _link_response(session: AsyncSession, link: BrandShop, name: str) -> ShopLinkOut:
    await session.flush()
    await session.refresh(link)
    return ShopLinkOut.of(link, name, await payables.current_debt(session, link))


router = Router(
    "/",
    route_handlers=[list_shop_links, accept_shop_link, put_settlement_payment, decline_shop_link],
    tags=["Shops"],
)
