"""The installation's suppliers over HTTP, and their rates over all workers."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import text

from backend.database import Database
from backend.settings import SettingMissing, Settings
from payouts.partners.opening import SettingsWrong, longest_call, open_supplier, read_settings
from payouts.partners.supplying import Supplier, SupplierSettings

TURN = text("SELECT * FROM limit_turn(:name, :gap, 2147483647, :most)")
MOST_WAIT_MS, APART = 2000, 1.3
LEAST_LEASE = 20


class SupplierUnknown(LookupError):
    """An offer names a supplier that this installation does not have."""


class Supplies:
    """Clients by name; each keeps its supplier's rate."""

    def __init__(self, db: Database, named: list[SupplierSettings]) -> None:
        self.db = db
        self.named = {one.name: one for one in named}
        self._clients: dict[str, Supplier] = {one.name: open_supplier(one) for one in named}

    @classmethod
    def of_settings(cls, db: Database, settings: Settings) -> "Supplies":
        """Those that SCANBACK_SUPPLIERS names.

        Raises:
            SettingMissing: the file does not fit.
        """
        path: Path | None = settings.suppliers
        try:
            return cls(db, read_settings(path) if path else [])
        except SettingsWrong as error:
            raise SettingMissing(str(error)) from error

    @property
    def lease(self) -> float:
        """For how many seconds an order is its worker's: longer than any call."""
        return LEAST_LEASE + 2 * max(map(longest_call, self.named.values()), default=0)

    def of(self, name: str) -> Supplier:
        """The client of a supplier.

        Raises:
            SupplierUnknown: there is none of that name.
        """
        if name not in self._clients:
            raise SupplierUnknown(name)
        return self._clients[name]

    async def turn(self, name: str) -> float | None:
        """Wait for a turn within the supplier's rate; else how many seconds to come again in."""
        self.of(name)
        gap = round(1000 / self.named[name].per_second * APART)
        row = await self.db.call(TURN, name=f"supplier:{name}"[:40], gap=gap, most=MOST_WAIT_MS)
        if row.wait is None:
            return MOST_WAIT_MS / 1000
        await asyncio.sleep(row.wait / 1000)
        return None

    async def close(self) -> None:
        """Close all clients."""
        async with AsyncExitStack() as stack:
            for client in self._clients.values():
                stack.push_async_callback(client.close)
