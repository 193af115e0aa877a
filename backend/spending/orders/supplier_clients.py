"""HTTP clients of the installation's suppliers, and their quotas over all workers."""

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import SettingMissing, Settings
from payouts.partners.configuration import SuppliersFileInvalid, max_call_seconds, open_supplier, read_suppliers_file
from payouts.partners.supplier import Supplier, SupplierSettings

MIN_LEASE_SECONDS = 20


class SupplierNotFound(LookupError):
    """A reward names a supplier that this installation does not have."""


class SupplierClients:
    """Clients by name, each within its supplier's quota."""

    def __init__(self, db: Database, suppliers: list[SupplierSettings]) -> None:
        self.db = db
        self.settings = {each.name: each for each in suppliers}
        self._clients: dict[str, Supplier] = {each.name: open_supplier(each) for each in suppliers}

    @classmethod
    def of_settings(cls, db: Database, settings: Settings) -> "SupplierClients":
        """Clients of the suppliers in the file that SCANBACK_SUPPLIERS names.

        Raises:
            SettingMissing: the file is invalid.
        """
        path: Path | None = settings.suppliers
        try:
            return cls(db, read_suppliers_file(path) if path else [])
        except SuppliersFileInvalid as error:
            raise SettingMissing(str(error)) from error

    @property
    def lease(self) -> float:
        """The lease of an order in seconds: longer than any call."""
        return MIN_LEASE_SECONDS + max(map(_max_permit_seconds, self.settings.values()), default=0)

    def of(self, name: str) -> Supplier:
        """The client of a supplier.

        Raises:
            SupplierNotFound: no supplier has this name.
        """
        if name not in self._clients:
            raise SupplierNotFound(name)
        return self._clients[name]

    def pause(self, name: str) -> float:
        """Seconds between two requests under one permit."""
        return self.settings[name].pause

    async def permit(self, name: str) -> rate_limits.Permit | datetime:
        """Wait for a permit within the supplier's quota, to be given back; otherwise the time of the next attempt."""
        self.of(name)
        settings = self.settings[name]
        return await rate_limits.acquire_permit(
            self.db, f"supplier:{name}", per_second=settings.per_second, max_seconds=_max_permit_seconds(settings)
        )

    async def close(self) -> None:
        """Close all clients."""
        async with AsyncExitStack() as stack:
            for client in self._clients.values():
                stack.push_async_callback(client.close)


def _max_permit_seconds(settings: SupplierSettings) -> float:
    """An order and a lookup."""
    return 2 * max_call_seconds(settings) + settings.pause
