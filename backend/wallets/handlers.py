"""The home screen, wallets and movements."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get
from litestar.params import PathParameter, QueryParameter

from backend.accounts.door import SignedIn
from backend.database import Db
from backend.programmes.explain import TheVersions
from backend.wallets import service
from backend.wallets.schemas import Home, MovementPage, WalletList, glance, movement_out, wallet_out
from backend.wire import CursorInvalid, cursor, place, raises, with_etag

# The home screen stays under 4 KB however many programmes an agent is in.
HOME_WALLETS, HOME_MOVEMENTS, HOME_WAITS = 6, 8, 3


@get("/me", responses=raises())
async def me(request: Request[Any, Any, Any], db: Db, agent: SignedIn, versions: TheVersions) -> Response[Home]:
    """The home screen in one call: wallets, last movements, what is pending until when. At most 4 KB; ETag and 304."""
    account = await service.home(db, agent.account_id)
    wallets = await service.wallets(db, agent.account_id)
    shown = wallets[:HOME_WALLETS]
    ids = [row.id for row in shown]
    waits = await service.waiting(db, ids)
    last = await service.latest(db, ids, HOME_MOVEMENTS)
    known = await versions.load(row.version_id for row in last)
    answer = Home(
        card_number=account.card_number,
        wallets=[wallet_out(row, waits) for row in shown],
        last=[glance(row, known) for row in last],
        has_pin=account.has_pin,
        spending_held_until=account.spending_held_until,
        more_wallets=len(wallets) > HOME_WALLETS,
    )
    for wallet in answer.wallets:
        wallet.waiting = wallet.waiting[:HOME_WAITS]
    return with_etag(request, answer)


@get("/wallets")
async def wallets(request: Request[Any, Any, Any], db: Db, agent: SignedIn) -> Response[WalletList]:
    """All wallets of the caller: one for each programme."""
    rows = await service.wallets(db, agent.account_id)
    waits = await service.waiting(db, [row.id for row in rows])
    return with_etag(request, WalletList([wallet_out(row, waits) for row in rows]))


@get("/wallets/{wallet_id:int}/movements", responses=raises(service.WalletUnknown, CursorInvalid))
async def movements(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    versions: TheVersions,
    wallet_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1)],
    after: Annotated[
        str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[MovementPage]:
    """Movements of a wallet, newest first, each earning with its explanation."""
    rows = await service.page(db, agent.account_id, wallet_id, place(after), limit + 1)
    known = await versions.load(row.version_id for row in rows)
    items = [movement_out(row, known) for row in rows[:limit]]
    following = cursor(rows[limit - 1].wallet_seq) if len(rows) > limit else None
    return with_etag(request, MovementPage(items, following))


router = Router("/", route_handlers=[me, wallets, movements], tags=["Wallet"])
