"""Tests of the ledger without the application: a database, and the role that the application has in it."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from payouts import audit
from tests.payouts.owner import Owner

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
async def ledger_db(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url, pool_size=16)
    yield db
    await db.close()


@pytest.fixture
async def pay(ledger_db: Database, owner: Database) -> AsyncIterator[Database]:
    """The database; after the test the ledger is audited and emptied."""
    yield ledger_db
    faults = await audit.find_faults(owner.engine)
    await empty(owner)
    assert faults == []


async def empty(owner: Database) -> None:
    """Empty the ledger; replica mode disables the append-only triggers and foreign keys."""
    await as_superuser(
        owner,
        "DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets; "
        "DELETE FROM seals; DELETE FROM books_checks",
    )


async def as_superuser(owner: Database, statements: str) -> None:
    """Run statements as a superuser can, without triggers and foreign keys."""
    async with owner.begin() as session:
        for statement in ["SET LOCAL session_replication_role = replica", *statements.split(";")]:
            await session.execute(text(statement))


@pytest.fixture
def agent(pay: Database) -> Owner:
    """An owner with an empty wallet."""
    return Owner(pay, owner_id=1, today=TODAY)
