"""The installation's suppliers over HTTP, and their rates over all workers."""

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from backend import limits
from backend.database import Database
from backend.settings import SettingMissing, Settings
from payouts.partners.opening import SettingsWrong, longest_call, open_supplier, read_settings
from payouts.partners.supplying import Supplier, SupplierSettings

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
        return LEAST_LEASE + max(map(_longest_turn, self.named.values()), default=0)

    def of(self, name: str) -> Supplier:
        """The client of a supplier.

        Raises:
            SupplierUnknown: there is none of that name.
        """
        if name not in self._clients:
            raise SupplierUnknown(name)
        return self._clients[name]

    def pause(self, name: str) -> float:
        """How many seconds lie between two requests of one turn."""
        return self.named[name].pause

    async def turn(self, name: str) -> limits.Turn | datetime:
        """Wait for a turn within the supplier's rate, to be given back; else when to come again."""
        self.of(name)
        one = self.named[name]
        return await limits.turn(self.db, f"supplier:{name}", per_second=one.per_second, longest=_longest_turn(one))

    async def close(self) -> None:
        """Close all clients."""
        async with AsyncExitStack() as stack:
            for client in self._clients.values():
                stack.push_async_callback(client.close)


def _longest_turn(one: SupplierSettings) -> float:
    """An order, and a look at what became of it."""
    return 2 * longest_call(one) + one.pause
