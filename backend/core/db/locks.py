"""PostgreSQL's advisory locks by name. A transaction holds them until its end.

SQL functions take the same locks under the same numbers. A lock's key is the row's id in 31 bits, so two rows may
share a lock; that costs a wait, never a wrong result. Several locks of one kind are taken in the order of their keys.
"""

from collections.abc import Iterable
from enum import IntEnum

from sqlalchemy import Integer, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

_KEYS = 2**31 - 1


class LockNamespace(IntEnum):
    """The first number of a lock: what it protects."""

    # One operation at a time reads and writes what an account earns, holds and spends.
    ACCOUNT = 20311
    # One import of products of a brand at a time. No brand has the key 0, under which slots are opened.
    PRODUCT_IMPORT = 20312
    # A sale or a return shares the lock of its shop; what closes a period, or adds up debts, takes it alone.
    SHOP = 20313
    # One import of a brand's stock codes at a time.
    STOCK_IMPORT = 20315


# In the order of the keys: the subquery sorts before the locks are taken.
LOCK_ACCOUNTS = text("""
    SELECT pg_advisory_xact_lock(:namespace, keys.key)
    FROM (SELECT DISTINCT key FROM unnest(CAST(:keys AS int[])) AS key ORDER BY key) AS keys
""")


def lock_key(row_id: int) -> int:
    """The second number of a lock."""
    return row_id % _KEYS


async def lock_account(session: AsyncSession, account_id: int) -> None:
    """Lock an account, before anything else of it is locked."""
    await session.execute(select(func.pg_advisory_xact_lock(*_lock_numbers(LockNamespace.ACCOUNT, account_id))))


async def lock_accounts(session: AsyncSession, account_ids: Iterable[int]) -> None:
    """Lock several accounts in the order in which sales lock them."""
    keys = sorted({lock_key(account_id) for account_id in account_ids})
    if keys:
        await session.execute(LOCK_ACCOUNTS, {"namespace": int(LockNamespace.ACCOUNT), "keys": keys})


async def lock_shop(session: AsyncSession, shop_id: int) -> None:
    """Lock a shop: no sale or return of it is under way, and none begins."""
    await session.execute(select(func.pg_advisory_xact_lock(*_lock_numbers(LockNamespace.SHOP, shop_id))))


async def share_shop(session: AsyncSession, shop_id: int) -> None:
    """Share the lock of a shop, as each sale and return does."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(*_lock_numbers(LockNamespace.SHOP, shop_id))))


async def try_lock(session: AsyncSession, namespace: LockNamespace, row_id: int) -> bool:
    """Lock without waiting. False: another transaction holds the lock."""
    locked = await session.scalar(select(func.pg_try_advisory_xact_lock(*_lock_numbers(namespace, row_id))))
    return bool(locked)


def _lock_numbers(namespace: LockNamespace, row_id: int) -> tuple[object, object]:
    return literal(int(namespace), Integer), literal(lock_key(row_id), Integer)
