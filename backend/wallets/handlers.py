"""The home screen, wallets and movements."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get
from litestar.params import PathParameter, QueryParameter

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.programmes.explain import TheVersions
from backend.wallets import service
from backend.wallets.home import Home, home_movements, home_out
from backend.wallets.schemas import MovementPage, WalletList, movement_out, wallet_out
from backend.wire import CursorInvalid, cursor, place, raises, with_etag

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
HOME_WALLETS, HOME_MOVEMENTS, HOME_WAITS = 6, 8, 3


@get("/me", responses=raises())
async def me(request: Request[Any, Any, Any], db: Db, agent: SignedIn, versions: TheVersions) -> Response[Home]:
    """The home screen in one call: wallets, last movements, what is pending until when. At most 4 KB; ETag and 304."""
    row = await service.home(db, agent.account_id, wallets=HOME_WALLETS, waits=HOME_WAITS, movements=HOME_MOVEMENTS)
    last = home_movements(row.last)
    known = await versions.load(movement.version_id for movement in last)
    return with_etag(request, home_out(row, last, known))


@get("/wallets", responses=raises(CursorInvalid))
async def wallets(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Response[WalletList]:
    """All wallets of the caller: one for each programme."""
    rows = await service.wallets(db, agent.account_id, place(after) or 0, limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return with_etag(request, WalletList([wallet_out(row) for row in rows[:limit]], following))


@get("/wallets/{wallet_id:int}/movements", responses=raises(service.WalletUnknown, CursorInvalid))
async def movements(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    versions: TheVersions,
    wallet_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1)],
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[MovementPage]:
    """Movements of a wallet, newest first, each earning with its explanation."""
    rows = await service.page(db, agent.account_id, wallet_id, place(after), limit + 1)
    known = await versions.load(row.version_id for row in rows)
    items = [movement_out(row, known) for row in rows[:limit]]
    following = cursor(rows[limit - 1].wallet_seq) if len(rows) > limit else None
    return with_etag(request, MovementPage(items, following))


router = Router("/", route_handlers=[me, wallets, movements], tags=["Wallet"])
