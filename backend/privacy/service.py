"""Erasure of an account; the ledger stays complete (docs/decisions/0013-erasure.md)."""

from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.db.locks import lock_account
from backend.core.http.errors import Conflict
from backend.core.settings import Settings
from backend.earning.promocodes import erasure as promocodes
from backend.earning.receipts import erasure as receipts
from backend.earning.scans.models import Scan
from backend.identity.accounts import service as accounts
from backend.programmes.models import DayCap
from backend.spending.limits import identity

HOUR = 3600  # seconds

WALLETS = text("SELECT id, held FROM wallets WHERE owner_id = :account ORDER BY id FOR UPDATE")
END_WALLET = text("SELECT wallet_close(w) FROM wallets w WHERE id = :wallet")


class OrderOpen(Conflict):
    """An order of yours is still open. Wait for it or cancel it, then try again."""

    code = "order_open"


async def count_export(db: Database, settings: Settings, account_id: int, now: datetime) -> None:
    """Count an export.

    Raises:
        TooManyRequests: the limit of this hour is reached.
    """
    limit = settings.numbers.at("exports_per_hour", now.date())
    await rate_limits.count_request(db, f"export:{account_id}", seconds=HOUR, limit=limit)


async def erase_account(session: AsyncSession, account_id: int) -> None:
    """Close an account: the points of its wallets go to breakage, its codes and receipts are closed, its scans and
    credentials are deleted.

    Raises:
        OrderOpen: a wallet has a hold for an order.
    """
    # A concurrent scan is recorded before the account is closed, or not at all.
    await lock_account(session, account_id)
    await receipts.erase_receipts(session, account_id)
    wallets = (await session.execute(WALLETS, {"account": account_id})).all()
    if any(wallet.held for wallet in wallets):
        raise OrderOpen
    for wallet in wallets:
        await session.execute(END_WALLET, {"wallet": wallet.id})
    await promocodes.erase_account_codes(session, account_id)
    await identity.delete_levels(session, account_id)
    await session.execute(delete(Scan).where(Scan.account_id == account_id))
    await session.execute(delete(DayCap).where(DayCap.account_id == account_id))
    await accounts.close_account(session, account_id)
