"""The home screen, wallets and movements."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, get
from litestar.params import PathParameter, QueryParameter

from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.accounts.authentication import CurrentAgent
from backend.programmes.rules.explanation import CurrentRuleVersions
from backend.spending.wallets import service
from backend.spending.wallets.home import LAST_MOVEMENTS, AccountOverview, home_movements, home_out
from backend.spending.wallets.schemas import MovementPage, WalletList, movement_out, wallet_out

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
HOME_WALLETS, HOME_MOVEMENTS, HOME_WAITS = 6, 2 * LAST_MOVEMENTS, 3


@get("/me", responses=error_responses())
async def get_account_overview(
    request: HTTPRequest, db: Db, agent: CurrentAgent, versions: CurrentRuleVersions
) -> Response[AccountOverview]:
    """The home screen in one call: wallets, last movements, what is pending until when. At most 4 KB; ETag and 304."""
    row = await service.home_row(db, agent.account_id, wallets=HOME_WALLETS, waits=HOME_WAITS, movements=HOME_MOVEMENTS)
    last = home_movements(row.last)
    known = await versions.load(movement.version_id for movement in last)
    return conditional_response(request, home_out(row, last, known))


@get("/wallets", responses=error_responses(CursorInvalid))
async def list_wallets(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Response[WalletList]:
    """All wallets of the caller: one for each programme."""
    read = partial(service.wallet_page, db, agent.account_id, number_from_cursor(after) or 0)
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, WalletList([wallet_out(row) for row in rows], following))


@get("/wallets/{wallet_id:int}/movements", responses=error_responses(service.WalletNotFound, CursorInvalid))
async def list_movements(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    versions: CurrentRuleVersions,
    wallet_id: Annotated[int, PathParameter(ge=1, le=2**63 - 1)],
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[MovementPage]:
    """Movements of a wallet, newest first, each earning with its explanation."""
    read = partial(service.movement_page, db, agent.account_id, wallet_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("wallet_seq"))
    known = await versions.load(row.version_id for row in rows)
    items = [movement_out(row, known) for row in rows]
    return conditional_response(request, MovementPage(items, following))


router = Router("/", route_handlers=[get_account_overview, list_wallets, list_movements], tags=["Wallets"])
