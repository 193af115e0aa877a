"""An owner of a wallet, for tests: each operation is a transaction of its own."""

import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from backend.core.db.database import Database
from payouts import ledger
from payouts.ledger import Cause, WalletBalances, WalletKey

EARNED, ORDERED, CLAWED_BACK, WRITTEN_OFF = 1, 2, 3, 4
IDS = itertools.count(1001)  # beyond the causes that tests name


@dataclass
class Owner:
    """An owner's wallet and the current day."""

    db: Database
    owner_id: int
    today: date
    ledger_id: int = 7

    @property
    def key(self) -> WalletKey:
        return WalletKey(self.owner_id, self.ledger_id, self.today)

    async def do(self, operation: Any, *args: Any, **values: Any) -> WalletBalances:
        async with self.db.begin() as session:
            return await operation(session, self.key, *args, **values)

    async def open(self) -> WalletBalances:
        return await self.do(ledger.open_wallet)

    async def earn(
        self, amount: int, cause: Cause | None = None, *, waits: int = 0, lives: int | None = None
    ) -> WalletBalances:
        """Earn an amount that is pending for `waits` days and then available for `lives` days, for ever if None."""
        matures_on = self.today + timedelta(days=waits)
        expires_on = ledger.NEVER if lives is None else matures_on + timedelta(days=lives)
        cause = cause or Cause(EARNED, next(IDS))
        return await self.do(ledger.earn, amount, cause, matures_on=matures_on, expires_on=expires_on)

    async def hold(self, amount: int, cause: Cause | None = None) -> WalletBalances:
        return await self.do(ledger.hold, amount, cause or Cause(ORDERED, next(IDS)))

    async def settle(self, amount: int, cause: Cause, leg: int = 0) -> WalletBalances:
        return await self.do(ledger.settle, amount, cause, leg=leg)

    async def release(self, amount: int, cause: Cause, leg: int = 0) -> WalletBalances:
        return await self.do(ledger.release, amount, cause, leg=leg)

    async def claw_back(self, amount: int, earned: Cause, cause: Cause | None = None) -> WalletBalances:
        return await self.do(ledger.claw_back, amount, earned, cause or Cause(CLAWED_BACK, next(IDS)))

    async def write_off(self, amount: int, cause: Cause | None = None) -> WalletBalances:
        return await self.do(ledger.write_off, amount, cause or Cause(WRITTEN_OFF, next(IDS)))

    def pass_days(self, days: int) -> None:
        self.today += timedelta(days=days)

    async def lots(self) -> list[tuple[date, int]]:
        """Expiry and remaining amount of the lots, soonest expiry first."""
        rows = await self.db.rows(
            text(
                "SELECT l.expires_on, l.remaining FROM lots l JOIN wallets w ON w.id = l.wallet_id "
                "WHERE w.owner_id = :owner AND remaining > 0 ORDER BY l.expires_on"
            ),
            owner=self.owner_id,
        )
        return [tuple(row) for row in rows]

    async def moved(self) -> list[tuple[int, int]]:
        """Kinds and amounts of the movements, in order."""
        rows = await self.db.rows(
            text(
                "SELECT m.kind, m.amount FROM movements m JOIN wallets w ON w.id = m.wallet_id "
                "WHERE w.owner_id = :owner ORDER BY wallet_seq"
            ),
            owner=self.owner_id,
        )
        return [tuple(row) for row in rows]


def balances(wallet: WalletBalances) -> tuple[int, int, int]:
    return wallet.pending, wallet.available, wallet.held
