"""The audit of the ledger finds changes that a superuser made in the database."""

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from payouts import audit
from payouts.checks import ROW_CHECKS
from payouts.ledger import Cause
from tests.payouts.conftest import as_superuser, empty
from tests.payouts.owner import EARNED, ORDERED, Owner

WALLET = "a wallet is not where its movements lead, or these do not join"
LOTS = "a wallet is not the sum of its lots"
DAY = "a wallet will miss the day on which a lot matures or expires"
EARNING = "a lot is not what was earned into it less what its uses took"
USES = "a movement did not take from lots, or give back, what it moved"
REVERSAL = "a hold was settled and released, or an earning taken back, beyond what it was"

TAMPERED = {
    "UPDATE wallets SET available = available + 1": {WALLET, LOTS},
    "UPDATE wallets SET held = held - 1": {WALLET},
    "UPDATE wallets SET pending = pending + 1": {WALLET, LOTS},
    "UPDATE wallets SET seq = seq + 1": {WALLET},
    "UPDATE wallets SET due_on = due_on + 1": {DAY},
    "UPDATE wallets SET due_on = NULL": {DAY},
    "UPDATE wallets SET floor = -1": {LOTS},
    "UPDATE movements SET amount = amount + 1 WHERE kind = 1 AND to_place = 3": {WALLET, EARNING, USES},
    "UPDATE movements SET available_after = available_after + 1 WHERE wallet_seq = 1": {WALLET},
    "UPDATE movements SET wallet_seq = 99 WHERE wallet_seq = 2": {WALLET},
    "UPDATE movements SET reverses = NULL WHERE kind = 4": {REVERSAL},
    "UPDATE movements SET reverses = 999999999 WHERE kind = 7": {REVERSAL},
    "UPDATE movements SET amount = 51 WHERE kind = 4": {WALLET, REVERSAL},
    "UPDATE movements SET lot_id = lot_id + 1000 WHERE kind = 1 AND to_place = 3": {EARNING},
    "DELETE FROM movements WHERE kind = 5": {WALLET, USES},
    "DELETE FROM movements WHERE wallet_seq = 1": {WALLET, EARNING, REVERSAL},
    "DELETE FROM wallets": {WALLET, LOTS},
    "UPDATE lots SET remaining = remaining - 1 WHERE remaining > 0": {LOTS, EARNING},
    "UPDATE lots SET pending = NOT pending WHERE remaining > 0": {LOTS},
    "UPDATE lots SET matures_on = matures_on - 1 WHERE pending": {DAY},
    "DELETE FROM lots WHERE pending": {LOTS, EARNING},
    "DELETE FROM lot_uses": {EARNING, USES},
    "UPDATE lot_uses SET amount = amount - 1": {EARNING, USES},
    "UPDATE lot_uses SET movement_id = movement_id + 1000": {USES},
}


@pytest.fixture
async def busy(ledger_db: Database, owner: Database, agent: Owner):
    """A wallet with movements of most kinds."""
    order = Cause(ORDERED, 5)
    await agent.earn(100, Cause(EARNED, 1), lives=300)
    await agent.earn(50, Cause(EARNED, 2), waits=14, lives=100)
    await agent.hold(60, order)
    await agent.settle(20, order)
    await agent.release(10, order)
    await agent.claw_back(5, Cause(EARNED, 1))
    yield agent
    await empty(owner)


async def test_audit_of_valid_ledger_finds_nothing(busy: Owner, owner: Database):
    assert await audit.find_faults(owner.engine) == []
    for query in ROW_CHECKS.values():
        assert await owner.rows(text(query)) == []


@pytest.mark.parametrize("change", TAMPERED)
async def test_audit_of_changed_rows_names_the_fault(busy: Owner, owner: Database, change: str):
    await as_superuser(owner, change)

    faults = await audit.find_faults(owner.engine)

    assert {fault.partition(": ")[0] for fault in faults} == TAMPERED[change]


async def test_audit_finds_use_of_lot_of_another_wallet(busy: Owner, owner: Database):
    other = Owner(busy.db, owner_id=2, today=busy.today)
    await other.earn(100, lives=300)
    await as_superuser(owner, "UPDATE lot_uses SET lot_id = (SELECT max(id) FROM lots)")

    faults = await audit.find_faults(owner.engine)

    assert {fault.partition(": ")[0] for fault in faults} == {EARNING, USES}


async def test_audit_finds_two_exchanged_rows(busy: Owner, owner: Database):
    await as_superuser(
        owner,
        "UPDATE movements SET available_after = 141 - available_after WHERE wallet_seq IN (1, 3)",
    )

    faults = await audit.find_faults(owner.engine)

    assert WALLET in {fault.partition(": ")[0] for fault in faults}


async def test_audit_names_limited_number_of_faults(busy: Owner, owner: Database):
    for number in range(2, 30):
        await Owner(busy.db, owner_id=number, today=busy.today).earn(100)
    await as_superuser(owner, "UPDATE wallets SET seq = seq + 1")

    faults = await audit.find_faults(owner.engine)

    assert len(faults) == audit.MAX_SHOWN_FAULTS + 1
    assert faults[-1] == f"{WALLET}: and more"
