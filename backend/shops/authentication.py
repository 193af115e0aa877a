"""Authentication of tills: which till calls, by its token, and which cashier is signed in."""

from collections.abc import Sequence

import msgspec
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, Unauthenticated
from backend.core.http.requests import HTTPConnection
from backend.core.security import tokens
from backend.shops.models import TillKind

PREFIX = "tl"

CACHE_SECONDS = 60.0
FIND_TILLS = text(
    "SELECT t.token, to_jsonb(t)::text AS till FROM unnest(CAST(:tokens AS text[])) AS x, shops_till(x) AS t"
)


class CashierNeeded(Forbidden):
    """This till sells only while a cashier is signed in. Sign in with your PIN."""

    code = "cashier_needed"


class TokenInPages(Forbidden):
    """This token is visible in the pages of the web shop, so it may only quote and reserve. Use your server."""

    code = "token_in_pages"


class TillIdentity(msgspec.Struct, frozen=True):
    """The till that calls: its shop, the shop's time zone, and the cashier on shift.

    `token` is the hexadecimal digest of the till's token.
    """

    token: str
    till_id: int
    shop_id: int
    kind: TillKind
    cashier_id: int | None
    needs_cashier: bool
    timezone: str
    # Origins of a web shop's pages that may call.
    origins: tuple[str, ...] = ()

    def require_cashier(self) -> None:
        """Refuse operations that move money, unless the till has a secret token and a cashier if it needs one.

        Raises:
            TokenInPages: pages call with this token. CashierNeeded: no cashier is signed in.
        """
        self.require_secret_token()
        if self.needs_cashier and self.cashier_id is None:
            raise CashierNeeded

    def require_secret_token(self) -> None:
        """Refuse operations that only the shop itself may do.

        Raises:
            TokenInPages: pages call with this token.
        """
        if self.origins:
            raise TokenInPages


CurrentTill = NamedDependency[TillIdentity]


async def guard(connection: HTTPConnection, handler: BaseRouteHandler) -> None:
    """Authenticate a till before the request's body is read.

    Routes whose statement checks the token again accept an identity that was cached within the last minute.

    Raises:
        Unauthenticated: there is no such token, or the till is switched off. The response is the same for both.
    """
    tills, token = connection.app.state["tills"], tokens.bearer(connection)
    # The CORS headers depend on this identity, so requests of pages never use the cache.
    trusting = "checks_caller_itself" in handler.opt and "origin" not in connection.headers
    connection.scope["state"]["till"] = await tills.signed_in(token, trusting=trusting)


class TillAuthenticator:
    """Finds tills by their tokens: concurrent requests in one batch, results cached for a minute."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batcher = db.batcher(self._find_batch)
        self._cache = tokens.TokenCache[TillIdentity](CACHE_SECONDS)

    async def signed_in(self, token: str, *, trusting: bool) -> TillIdentity:
        """The till of a token. With `trusting` it may come from the cache; a later statement must check it again.

        Raises:
            Unauthenticated: there is none, or it is switched off.
        """
        if not tokens.is_token(token, PREFIX):
            raise Unauthenticated
        digest = tokens.digest(token)
        if trusting and (cached := self._cache.get(digest)):
            return cached
        till = await self._batcher.execute(digest.hex())
        if till is None:
            raise Unauthenticated
        self._cache.add(digest, till)
        return till

    async def _find_batch(self, digests: Sequence[str], *, fail_on_lock: bool) -> list[TillIdentity | None]:  # noqa: ARG002 - it locks nothing
        rows = await self._db.rows(FIND_TILLS, tokens=list(digests))
        tills = {row.token: msgspec.json.decode(row.till, type=TillIdentity) for row in rows}
        return [tills.get(digest) for digest in digests]
