"""Tests of the ledger alone: no application, only the database and the role that the application has in it."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
from sqlalchemy import text

from backend.database import Database
from payouts import books
from tests.payouts.owner import Owner

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
async def ledger_db(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url, pool_size=16)
    yield db
    await db.close()


@pytest.fixture
async def pay(ledger_db: Database, owner: Database) -> AsyncIterator[Database]:
    """The database; after the test its books are checked and emptied."""
    yield ledger_db
    faults = await books.faults(owner.engine)
    await empty(owner)
    assert faults == []


async def empty(owner: Database) -> None:
    """Empty the ledger; replica mode steps over the append-only triggers and the order of keys."""
    await as_superuser(owner, "DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets; "
                       "DELETE FROM seals; DELETE FROM books_checks")  # fmt: skip


async def as_superuser(owner: Database, statements: str) -> None:
    """What somebody with the database in his hands can do, past all triggers and keys to other tables."""
    async with owner.begin() as session:
        for statement in ["SET LOCAL session_replication_role = replica", *statements.split(";")]:
            await session.execute(text(statement))


@pytest.fixture
def agent(pay: Database) -> Owner:
    """Somebody with an empty wallet."""
    return Owner(pay, owner_id=1, today=TODAY)
