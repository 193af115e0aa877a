"""ledger_earn_many leaves the same rows as ledger_earn for each amount."""

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from payouts.ledger import NEVER, Cause
from tests.payouts.conftest import TODAY
from tests.payouts.owner import EARNED, Owner

BATCHED, ONE_BY_ONE, OWNERS = 7, 8, (1, 2, 3, 4)
MANY = text("""
    WITH opened AS MATERIALIZED (
        SELECT ledger_open(owner, 7, :today) AS w FROM unnest(CAST(:owners AS bigint[])) AS owner)
    SELECT count(x) FROM ledger_earn_many(ARRAY(SELECT w FROM opened), ARRAY(
        SELECT (w).id FROM unnest(CAST(:owner_ids AS bigint[])) WITH ORDINALITY AS y (owner, n)
        JOIN opened ON (w).owner_id = owner ORDER BY n), :amounts, CAST(:causes AS smallint[]), :ids,
        array_fill(CAST(:today AS date), ARRAY[CAST(:n AS int)]), :matures_on, :expires_on) AS x
""")
WALLETS = text("""
    SELECT owner_id, pending, available, held, floor, seq, due_on FROM wallets WHERE book_id = :ledger ORDER BY owner_id
""")
LOTS = text("""
    SELECT owner_id, l.amount, l.remaining, l.matures_on, l.expires_on, l.pending,
        array_agg(u.amount ORDER BY m.wallet_seq) AS uses
    FROM lots l JOIN wallets w ON w.id = l.wallet_id LEFT JOIN lot_uses u ON u.lot_id = l.id
    LEFT JOIN movements m ON m.id = u.movement_id WHERE book_id = :ledger GROUP BY l.id, owner_id ORDER BY 1, 4, 5
""")
MOVEMENTS = text("""
    SELECT owner_id, wallet_seq, m.amount, pending_after, available_after, held_after, kind, from_place, to_place,
        cause, leg, l.matures_on, l.expires_on
    FROM movements m JOIN wallets w ON w.id = m.wallet_id LEFT JOIN lots l ON l.id = m.lot_id
    WHERE book_id = :ledger ORDER BY owner_id, wallet_seq
""")


async def create_history(owner: Owner, debt: int, waiting: int) -> None:
    """Give an owner a debt, a pending earning, both or neither."""
    if debt:
        cause = Cause(EARNED, owner.owner_id * 100 + owner.ledger_id)
        await owner.earn(debt, cause)
        await owner.settle(debt, (await create_hold(owner, debt)))
        await owner.claw_back(debt, cause)
    if waiting:
        await owner.earn(waiting, waits=3, lives=5)


async def create_hold(owner: Owner, amount: int) -> Cause:
    cause = Cause(2, owner.owner_id * 100 + owner.ledger_id)
    await owner.hold(amount, cause)
    return cause


@pytest.mark.parametrize("seed", range(12))
async def test_earn_many_equals_earning_one_by_one(pay: Database, seed: int):
    chance = random.Random(seed)
    debts = {owner: chance.choice([0, 0, 35, 80]) for owner in OWNERS}
    waiting = {owner: chance.choice([0, 20]) for owner in OWNERS}
    for ledger_id in (BATCHED, ONE_BY_ONE):
        for owner in OWNERS[:3]:  # the fourth has no wallet yet
            await create_history(Owner(pay, owner, TODAY, ledger_id), debts[owner], waiting[owner])
    day = TODAY + timedelta(days=chance.choice([0, 1, 4, 9]))
    earned = [
        (chance.choice(OWNERS), chance.randint(1, 60), chance.choice([0, 0, 3]), chance.choice([2, 30, None]))
        for _ in range(chance.randint(1, 20))
    ]

    await earn_batch(pay, day, earned)
    for owner_id, amount, waits, lives in earned:
        await Owner(pay, owner_id, day, ONE_BY_ONE).earn(amount, waits=waits, lives=lives)

    for query in (WALLETS, LOTS, MOVEMENTS):
        one, other = [[tuple(row) for row in await pay.rows(query, ledger=id_)] for id_ in (BATCHED, ONE_BY_ONE)]
        earners = {owner_id for owner_id, *_ in earned}
        assert [row for row in one if row[0] in earners] == [row for row in other if row[0] in earners]


async def earn_batch(pay: Database, day: Any, earned: list[tuple[int, int, int, int | None]]) -> None:
    owner_ids = [row[0] for row in earned]
    matures = [day + timedelta(days=row[2]) for row in earned]
    lives = [row[3] for row in earned]
    expires = [NEVER if days is None else on + timedelta(days=days) for on, days in zip(matures, lives, strict=True)]
    await pay.rows(
        MANY,
        owners=sorted(set(owner_ids)),
        owner_ids=owner_ids,
        amounts=[row[1] for row in earned],
        n=len(earned),
        today=day,
        causes=[EARNED] * len(earned),
        ids=[10**6 + number for number in range(len(earned))],
        matures_on=matures,
        expires_on=expires,
    )
