"""Selling, in the transaction that does it all: several tills' sales at once where they come together."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.errors import BodyChanged

SELL = text("SELECT * FROM checkout_sell(CAST(:sales AS jsonb), :hurry)")


class Sales:
    """The way to checkout_sell."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)

    async def sell(self, sale: dict[str, Any]) -> dict[str, Any]:
        """Sell; `sale` is what service.sale_of makes. Its answer, or what its id was answered first.

        Raises:
            BodyChanged: the id had another body. psycopg.Error: see checkout_sell; nothing was sold. PoolTimeout: that
            is not known; ask again under its id.
        """
        # What may wait for others (a receipt's number) or give uses back waits by itself.
        alone = sale["fiscal"] or sale["reservation"] or sale["taken_at"]
        first = (await self._run([sale], hurry=False))[0] if alone else await self._together.do(sale)
        if first and first.changed:
            raise BodyChanged
        answer: dict[str, Any] = first.answer if first else sale["answer"]
        return answer

    async def _run(self, sales: Sequence[dict[str, Any]], *, hurry: bool) -> list[Any]:
        """What ids were answered first; None for a new one."""
        told = [sale | {"sale": number} for number, sale in enumerate(sales)]
        rows = await self._db.rows(SELL, sales=msgspec.json.encode(told).decode(), hurry=hurry)
        first = {row.sale: row for row in rows}
        return [first.get(number) for number in range(len(sales))]
