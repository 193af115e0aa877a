"""Selling, in the transaction that does it all: several tills' sales at once where they come together."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from backend.database import Database

SELL = text("SELECT * FROM checkout_sell(CAST(:sales AS jsonb), :hurry)")


class Sales:
    """The way to checkout_sell."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)

    async def sell(self, sale: dict[str, Any]) -> Any:
        """Sell; `sale` is what service.sale_of makes. The answer, and whether its id was used before.

        Raises:
            psycopg.Error: see checkout_sell; nothing was sold. PoolTimeout: that is not known; ask again under its id.
        """
        # What may wait for others (a receipt's number) or give uses back waits by itself.
        if sale["fiscal"] or sale["reservation"] or sale["taken_at"]:
            return (await self._run([sale], hurry=False))[0]
        return await self._together.do(sale)

    async def _run(self, sales: Sequence[dict[str, Any]], *, hurry: bool) -> list[Any]:
        told = [sale | {"sale": number} for number, sale in enumerate(sales)]
        rows = await self._db.rows(SELL, sales=msgspec.json.encode(told).decode(), hurry=hurry)
        return sorted(rows, key=lambda row: row.sale)
