"""Earning for several owners at once: what it leaves is what earning one by one leaves."""

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.database import Database
from payouts.ledger import NEVER, Cause
from tests.payouts.conftest import TODAY
from tests.payouts.owner import EARNED, Owner

TOGETHER, ONE_BY_ONE, OWNERS = 7, 8, (1, 2, 3, 4)
MANY = text("""
    WITH opened AS MATERIALIZED (
        SELECT ledger_open(owner, 7, :today) AS w FROM unnest(CAST(:owners AS bigint[])) AS owner)
    SELECT count(x) FROM ledger_earn_many(ARRAY(SELECT w FROM opened), ARRAY(
        SELECT (w).id FROM unnest(CAST(:whose AS bigint[])) WITH ORDINALITY AS y (owner, n)
        JOIN opened ON (w).owner_id = owner ORDER BY n), :amounts, CAST(:causes AS smallint[]), :ids,
        array_fill(CAST(:today AS date), ARRAY[CAST(:n AS int)]), :matures_on, :expires_on) AS x
""")
WALLETS = text("""
    SELECT owner_id, pending, available, held, floor, seq, due_on FROM wallets WHERE book_id = :book ORDER BY owner_id
""")
LOTS = text("""
    SELECT owner_id, l.amount, l.remaining, l.matures_on, l.expires_on, l.pending,
        array_agg(u.amount ORDER BY m.wallet_seq) AS uses
    FROM lots l JOIN wallets w ON w.id = l.wallet_id LEFT JOIN lot_uses u ON u.lot_id = l.id
    LEFT JOIN movements m ON m.id = u.movement_id WHERE book_id = :book GROUP BY l.id, owner_id ORDER BY 1, 4, 5
""")
MOVEMENTS = text("""
    SELECT owner_id, wallet_seq, m.amount, pending_after, available_after, held_after, kind, from_place, to_place,
        cause, leg, l.matures_on, l.expires_on
    FROM movements m JOIN wallets w ON w.id = m.wallet_id LEFT JOIN lots l ON l.id = m.lot_id
    WHERE book_id = :book ORDER BY owner_id, wallet_seq
""")


async def history(owner: Owner, debt: int, waiting: int) -> None:
    """Somebody who owes a debt, or has something pending, or neither."""
    if debt:
        cause = Cause(EARNED, owner.owner_id * 100 + owner.book_id)
        await owner.earn(debt, cause)
        await owner.settle(debt, (await held(owner, debt)))
        await owner.claw_back(debt, cause)
    if waiting:
        await owner.earn(waiting, waits=3, lives=5)


async def held(owner: Owner, amount: int) -> Cause:
    cause = Cause(2, owner.owner_id * 100 + owner.book_id)
    await owner.hold(amount, cause)
    return cause


@pytest.mark.parametrize("seed", range(12))
async def test_several_owners_earn_at_once_what_they_would_one_by_one(pay: Database, seed: int):
    chance = random.Random(seed)
    debts = {owner: chance.choice([0, 0, 35, 80]) for owner in OWNERS}
    waiting = {owner: chance.choice([0, 20]) for owner in OWNERS}
    for book in (TOGETHER, ONE_BY_ONE):
        for owner in OWNERS[:3]:  # the fourth has no wallet yet
            await history(Owner(pay, owner, TODAY, book), debts[owner], waiting[owner])
    day = TODAY + timedelta(days=chance.choice([0, 1, 4, 9]))
    earned = [
        (chance.choice(OWNERS), chance.randint(1, 60), chance.choice([0, 0, 3]), chance.choice([2, 30, None]))
        for _ in range(chance.randint(1, 20))
    ]

    await together(pay, day, earned)
    for whose, amount, waits, lives in earned:
        await Owner(pay, whose, day, ONE_BY_ONE).earn(amount, waits=waits, lives=lives)

    for what in (WALLETS, LOTS, MOVEMENTS):
        one, other = [[tuple(row) for row in await pay.rows(what, book=book)] for book in (TOGETHER, ONE_BY_ONE)]
        theirs = {whose for whose, *_ in earned}
        assert [row for row in one if row[0] in theirs] == [row for row in other if row[0] in theirs]


async def together(pay: Database, day: Any, earned: list[tuple[int, int, int, int | None]]) -> None:
    whose = [row[0] for row in earned]
    matures = [day + timedelta(days=row[2]) for row in earned]
    lives = [row[3] for row in earned]
    await pay.rows(
        MANY, owners=sorted(set(whose)), whose=whose, amounts=[row[1] for row in earned], n=len(earned), today=day,
        causes=[EARNED] * len(earned), ids=[10**6 + n for n in range(len(earned))], matures_on=matures,
        expires_on=[NEVER if days is None else on + timedelta(days=days)
                    for on, days in zip(matures, lives, strict=True)],
    )  # fmt: skip
