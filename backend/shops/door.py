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

FIND = text("""
    SELECT t.token_digest AS digest, t.id AS till_id, t.shop_id, t.kind, c.id AS cashier_id, t.needs_cashier,
        s.timezone, t.origins
    FROM tills t JOIN shops s ON s.id = t.shop_id
    LEFT JOIN cashiers c ON c.id = t.cashier_id AND t.shift_ends_at > now() AND c.disabled_at IS NULL
        AND (c.pin_hash IS NOT NULL OR NOT t.needs_cashier)
    WHERE t.token_digest = ANY (:digests) AND t.disabled_at IS NULL
""")


class CashierNeeded(Forbidden):
    """This till sells only while a cashier is signed in. Sign in with your PIN."""


class TokenInPages(Forbidden):
    """Whoever opens a page of this web shop can read its token: it only quotes and reserves. Use your server."""


class TillAt(msgspec.Struct, frozen=True):
    """Which till calls: its shop and the shop's time zone, and the cashier whose shift is not over."""

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


async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Let in tills; asked before anything of the request is read.

    Raises:
        Unauthenticated: no such token, or the till is switched off; the answer is the same for all.
    """
    connection.scope["state"]["till"] = await connection.app.state["tills"].signed_in(tokens.bearer(connection))


class Tills:
    """Whose tokens are, as the database knows them now: several asked for at once where they come together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)

    async def signed_in(self, token: str) -> TillAt:
        """The till that a token belongs to.

        Raises:
            Unauthenticated: there is none, or it is switched off.
        """
        if not tokens.is_token(token, PREFIX):
            raise Unauthenticated
        found = await self._together.do(tokens.digest(token))
        if found is None:
            raise Unauthenticated
        return found

    async def _run(self, digests: Sequence[bytes], *, hurry: bool) -> list[TillAt | None]:  # noqa: ARG002 - it locks nothing
        rows = {row.digest: row for row in await self._db.rows(FIND, digests=list(digests))}
        return [_till(rows[digest]) if digest in rows else None for digest in digests]


def _till(row: Any) -> TillAt:
    return TillAt(
        row.till_id, row.shop_id, row.kind, row.cashier_id, row.needs_cashier, row.timezone, tuple(row.origins)
    )
