"""Calls checkout_sell_v2, which records sales in one transaction: concurrent sales of several tills at once."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from backend.checkout.sales.sale_record import SaleRecord
from backend.core.db.database import Database
from backend.core.http.errors import BodyChanged

SELL = text("SELECT * FROM checkout_sell_v2(CAST(:sales AS jsonb), :fail_on_lock)")


class SaleWriter:
    """Records sales, in batches where they come at the same time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.batcher = db.batcher(self._run)

    async def record_sale(self, sale: SaleRecord) -> dict[str, Any]:
        """Record a sale (see record_builder). Returns its response, or the first response to its id.

        Raises:
            BodyChanged: the id had another body. psycopg.Error: see checkout_sell_v2; nothing was sold. PoolTimeout:
            the outcome is unknown; retry with the same id.
        """
        if sale.may_be_batched:
            first = await self.batcher.execute(sale)
        else:
            (first,) = await self._run([sale], fail_on_lock=False)
        if first and first.changed:
            raise BodyChanged
        response: dict[str, Any] = first.answer if first else sale.answer
        return response

    async def _run(self, sales: Sequence[SaleRecord], *, fail_on_lock: bool) -> list[Any]:
        """The first response to each id that was used before; None for a new id."""
        numbered = [msgspec.structs.replace(sale, sale=number) for number, sale in enumerate(sales)]
        rows = await self._db.rows(SELL, sales=msgspec.json.encode(numbered).decode(), fail_on_lock=fail_on_lock)
        first = {row.sale: row for row in rows}
        return [first.get(number) for number in range(len(sales))]
