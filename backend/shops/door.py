"""The till's door: which till is calling, by its token, and who stands at it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text

from backend import tokens
from backend.database import Database
from backend.errors import Forbidden, Unauthenticated
from backend.shops.models import TillKind

PREFIX = "tl"

KNOWN_SECONDS = 60.0
FIND = text("SELECT t.token, to_jsonb(t)::text AS till FROM unnest(CAST(:tokens AS text[])) AS x, shops_till(x) AS t")


class CashierNeeded(Forbidden):
    """This till sells only while a cashier is signed in. Sign in with your PIN."""


class TokenInPages(Forbidden):
    """Whoever opens a page of this web shop can read its token: it only quotes and reserves. Use your server."""


class TillAt(msgspec.Struct, frozen=True):
    """Which till calls: its shop and the shop's time zone, and the cashier whose shift is not over.

    `token` is its token's digest, in hexadecimal.
    """

    token: str
    till_id: int
    shop_id: int
    kind: TillKind
    cashier_id: int | None
    needs_cashier: bool
    timezone: str
    # Where its pages may call from, if it is a web shop.
    origins: tuple[str, ...] = ()

    def need_seller(self) -> None:
        """Refuse what moves money, where anybody could be calling.

        Raises:
            TokenInPages: pages call with this token. CashierNeeded: it wants a cashier, and nobody is signed in.
        """
        self.need_secret()
        if self.needs_cashier and self.cashier_id is None:
            raise CashierNeeded

    def need_secret(self) -> None:
        """Refuse what only the shop itself may see.

        Raises:
            TokenInPages: pages call with this token.
        """
        if self.origins:
            raise TokenInPages


TheTill = NamedDependency[TillAt]


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in tills; asked before anything of the request is read, but for a till that was here within the last minute
    and wants what asks itself.

    Raises:
        Unauthenticated: no such token, or the till is switched off; the answer is the same for all.
    """
    tills, token = connection.app.state["tills"], tokens.bearer(connection)
    # Whether a page may read the answer hangs on what is known here.
    trusting = "asks_itself" in handler.opt and "origin" not in connection.headers
    connection.scope["state"]["till"] = await tills.signed_in(token, trusting=trusting)


class Tills:
    """Whose tokens are: several asked for at once where they come together, and remembered for a minute."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)
        self._known = tokens.Known[TillAt](KNOWN_SECONDS)

    async def signed_in(self, token: str, *, trusting: bool) -> TillAt:
        """The till that a token belongs to. Trusting, it may be as it was a minute ago: what follows asks again.

        Raises:
            Unauthenticated: there is none, or it is switched off.
        """
        if not tokens.is_token(token, PREFIX):
            raise Unauthenticated
        digest = tokens.digest(token)
        if trusting and (known := self._known.get(digest)):
            return known
        found = await self._together.do(digest.hex())
        if found is None:
            raise Unauthenticated
        self._known.add(digest, found)
        return found

    async def _run(self, digests: Sequence[str], *, hurry: bool) -> list[TillAt | None]:  # noqa: ARG002 - it locks nothing
        rows = await self._db.rows(FIND, tokens=list(digests))
        found = {row.token: msgspec.json.decode(row.till, type=TillAt) for row in rows}
        return [found.get(digest) for digest in digests]
