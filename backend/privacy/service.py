"""Being forgotten: the person goes, the books stay right (docs/decisions/0013-erasure.md)."""

from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import limits
from backend.accounts import service as accounts
from backend.database import Database
from backend.errors import Conflict
from backend.offers import identity
from backend.programmes.models import DayCap
from backend.promocodes import forgetting as promocodes
from backend.receipts import forgetting as receipts
from backend.scans.models import Scan
from backend.settings import Settings

HOUR = 3600  # seconds

# The lock that scans take: a scan on its way is recorded before the account goes, or not at all.
LOCK = text("SELECT pg_advisory_xact_lock(20311, (:account % 2147483647)::int)")
WALLETS = text("SELECT id, held FROM wallets WHERE owner_id = :account ORDER BY id FOR UPDATE")
END = text("SELECT ledger_end(w) FROM wallets w WHERE id = :wallet")


class OrderOpen(Conflict):
    """An order of yours is still under way. Wait for it or cancel it, then come back."""


async def admit_export(db: Database, settings: Settings, account_id: int, now: datetime) -> None:
    """Count an export.

    Raises:
        TooManyRequests: this account has had its number for this hour.
    """
    most = settings.numbers.at("exports_per_hour", now.date())
    await limits.spend(db, f"export:{account_id}", seconds=HOUR, most=most)


async def forget(session: AsyncSession, account_id: int) -> None:
    """Close an account: what its wallets have goes to breakage, its codes are closed, its receipts, too;
    its scans and ways back are deleted.

    Raises:
        OrderOpen: a wallet holds something for an order.
    """
    await session.execute(LOCK, {"account": account_id})
    await receipts.forget(session, account_id)
    wallets = (await session.execute(WALLETS, {"account": account_id})).all()
    if any(wallet.held for wallet in wallets):
        raise OrderOpen
    for wallet in wallets:
        await session.execute(END, {"wallet": wallet.id})
    await promocodes.forget(session, account_id)
    await identity.forget(session, account_id)
    await session.execute(delete(Scan).where(Scan.account_id == account_id))
    await session.execute(delete(DayCap).where(DayCap.account_id == account_id))
    await accounts.close(session, account_id)
