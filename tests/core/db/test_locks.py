"""Advisory locks: which of them wait for each other."""

import asyncio

import pytest

from backend.core.db import locks

WAITING_SECONDS = 0.3  # a lock that is free is taken within it


async def waits(db, holding, wanted) -> bool:
    """Whether a lock waits while another transaction holds a lock."""
    async with db.begin() as holder:
        await holding(holder)
        async with db.begin() as session:
            attempt = asyncio.ensure_future(wanted(session))
            done, _ = await asyncio.wait([attempt], timeout=WAITING_SECONDS)
            await holder.rollback()
            await attempt
            return not done


@pytest.mark.parametrize(
    ("holding", "wanted", "expected"),
    [
        (lambda s: locks.lock_account(s, 1), lambda s: locks.lock_account(s, 1), True),
        (lambda s: locks.lock_account(s, 1), lambda s: locks.lock_account(s, 2), False),
        (lambda s: locks.lock_accounts(s, [3, 2, 3]), lambda s: locks.lock_account(s, 2), True),
        (lambda s: locks.lock_accounts(s, []), lambda s: locks.lock_account(s, 2), False),
        (lambda s: locks.lock_shop(s, 1), lambda s: locks.lock_account(s, 1), False),
        (lambda s: locks.share_shop(s, 1), lambda s: locks.share_shop(s, 1), False),
        (lambda s: locks.share_shop(s, 1), lambda s: locks.lock_shop(s, 1), True),
        (lambda s: locks.lock_shop(s, 1), lambda s: locks.share_shop(s, 1), True),
    ],
)
async def test_lock_waits_only_for_its_key(world, holding, wanted, expected):
    assert await waits(world.db, holding, wanted) == expected


async def test_key_of_large_id_fits_31_bits(world):
    async with world.db.begin() as session:
        await locks.lock_accounts(session, [2**62, 5])

    assert locks.lock_key(2**62) < 2**31


async def test_lock_that_another_holds_is_not_waited_for(world):
    async with world.db.begin() as holder, world.db.begin() as session:
        assert await locks.try_lock(holder, locks.LockNamespace.STOCK_IMPORT, 1)

        assert not await locks.try_lock(session, locks.LockNamespace.STOCK_IMPORT, 1)
        assert await locks.try_lock(session, locks.LockNamespace.PRODUCT_IMPORT, 1)
