"""Tills of `make crash`, beside the other writers: sales and returns, retried under the same id until they succeed."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
from httpx2 import AsyncClient, HTTPError
from sqlalchemy import text

from backend.core.db.database import Database

TILLS = 4
# One line of 100 roubles by the demo's offer: 5 % off, a tenth of what was paid; sometimes half of it is returned.
AMOUNT, DISCOUNT, BONUS = 10_000, 500, 950
STATE = text("""
    SELECT (SELECT count(*) FROM sales) AS sales, (SELECT count(*) FROM sale_returns) AS returns,
        (SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint FROM dues) AS owed,
        (SELECT coalesce(sum(w.pending + w.available), 0)::bigint FROM wallets w
            JOIN accounts a ON a.id = w.owner_id WHERE a.card_number = :card) AS earned,
        (SELECT used FROM promo_codes WHERE shown = :code) AS used
""")


class Tills(msgspec.Struct):
    """The counters of acknowledged sales and returns."""

    port: int
    demo: dict[str, Any]
    sales: int = 0
    returns: int = 0
    over: bool = False

    @classmethod
    def of(cls, port: int, folder: Path) -> "Tills":
        """The tills of the demo's shop."""
        return cls(port, json.loads((folder / "demo.json").read_text("utf-8")))

    async def work(self) -> None:
        """Sell, and return half of every third sale."""
        headers = {"Authorization": f"Bearer {self.demo['till_key']}"}
        async with AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=5) as client:
            while not self.over:
                path = f"/v1/till/sales/{uuid.uuid4()}"
                line = {"line": 1, "name": "Cable", "quantity": 2, "amount": AMOUNT}
                await _until_answered(client, path, {"codes": [self.demo["promo_code"]], "basket": [line]})
                self.sales += 1
                if self.sales % 3 == 0:
                    back = {"lines": [{"line": 1, "quantity": 1, "amount": AMOUNT // 2}]}
                    await _until_answered(client, f"{path}/returns/{uuid.uuid4()}", back)
                    self.returns += 1

    async def verify(self, db: Database) -> None:
        """Check that each acknowledged operation is recorded once, to the kopeck."""
        row = await db.call(STATE, card=self.demo["agent"]["card_number"], code=self.demo["promo_code"])
        expected = (
            self.sales,
            self.returns,
            DISCOUNT * self.sales - DISCOUNT // 2 * self.returns,
            BONUS * self.sales - BONUS // 2 * self.returns,
            self.sales,
        )
        if tuple(row) != expected:
            raise RuntimeError(f"tills: {tuple(row)} are recorded, {expected} were acknowledged")


async def _until_answered(client: AsyncClient, path: str, body: Any) -> None:
    while True:
        try:
            response = await client.put(path, json=body)
        except HTTPError:
            response = None
        if response is not None and response.status_code == 200:
            return
        if response is not None and response.status_code not in (500, 502, 503, 504):
            raise RuntimeError(f"unexpected answer {response.status_code} {response.text}")
        await asyncio.sleep(0.2)
