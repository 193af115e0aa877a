"""Movements are append-only: the application has no grant to change them, and a trigger stops the tables' owner."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db.database import Database
from tests.payouts.owner import Owner

CHANGES = [
    "UPDATE {} SET {} = {}",
    "DELETE FROM {}",
    "TRUNCATE {} CASCADE",
]
TABLES = {"movements": "amount", "lot_uses": "amount", "seals": "rows"}

# A hold that comes from funding instead of available.
HOLD_FROM_FUNDING = """
    INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id, kind,
        from_place, to_place, cause)
    SELECT id, 2, 1, 0, 0, 0, 1, 3, 1, 4, 9 FROM wallets"""


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["the application", "the owner"])
async def test_append_only_tables_refuse_changes_by_any_role(
    agent: Owner, owner: Database, table: str, change: str, role: str
):
    await agent.earn(100)
    await agent.hold(50)
    db = agent.db if role == "the application" else owner
    statement = text(change.format(table, TABLES[table], TABLES[table]))

    with pytest.raises(DBAPIError) as refused:
        async with db.begin() as session:
            await session.execute(statement)

    assert refused.value.orig.sqlstate == "42501"


async def test_application_role_cannot_disable_triggers(agent: Owner):
    with pytest.raises(DBAPIError, match="permission denied to set parameter"):
        async with agent.db.begin() as session:
            await session.execute(text("SET session_replication_role = replica"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE wallets SET available = available - 101",
        "UPDATE wallets SET pending = -1",
        "UPDATE wallets SET held = -1",
        "UPDATE lots SET remaining = -1",
        "UPDATE lots SET remaining = amount + 1",
        HOLD_FROM_FUNDING,
    ],
)
async def test_invalid_balances_violate_check_constraints(agent: Owner, change: str):
    await agent.earn(100)

    with pytest.raises(DBAPIError) as refused:
        async with agent.db.begin() as session:
            await session.execute(text(change))

    assert refused.value.orig.sqlstate == "23514"


async def test_unchecked_overdraft_violates_floor_constraint(agent: Owner):
    await agent.earn(100)

    async def overdraw() -> None:
        async with agent.db.begin() as session:
            unchecked = "SELECT ledger_move(ledger_open(1, 7, :today), 3, 3, 4, 101, 9, 9, 0, NULL, NULL)"
            await session.execute(text(unchecked), {"today": agent.today})

    with pytest.raises(DBAPIError, match="ck_wallets_available"):
        await overdraw()
