"""The proof of the whole installation: accruals beside earnings, and seals beside their copies."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.core.storage.folder import Folder
from backend.core.storage.text_objects import read_text
from backend.operations import ledger_audit
from payouts import checkpoints
from tests.payouts.conftest import as_superuser

ACCRUAL = "an accrual is not what its wallet earned"


@pytest.fixture
def files():
    with tempfile.TemporaryDirectory() as folder:
        yield Folder(Path(folder))


@pytest.fixture
async def claimed(world):
    """Three paid codes."""
    account = await world.account()
    for code in await world.codes(3):
        response = await world.scan(account, code)
        assert response.json()["status"] == "credited"
    return account


@pytest.fixture
async def tamper(owner):
    """Change rows as an intruder with access to the database, and revert it before the books are checked."""
    undo = []

    async def change(statements: str, back: str) -> None:
        undo.append(back)
        await as_superuser(owner, statements)

    yield change
    for back in undo:
        await as_superuser(owner, back)


async def test_clean_audit_is_stored(claimed, settings, files, db):
    await ledger_audit.seal(settings, files, wait_seconds=5)

    found = await ledger_audit.prove(settings, files)

    assert (found.faults, found.movements, found.sealed) == ([], 3, 3)
    checks = await db.rows(text("SELECT movements, faults FROM books_checks"))
    assert checks == [(3, [])]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("UPDATE accruals SET amount = amount - 1", "UPDATE accruals SET amount = amount + 1"),
        ("UPDATE accruals SET account_id = -account_id", "UPDATE accruals SET account_id = -account_id"),
        ("UPDATE accruals SET programme_id = -programme_id", "UPDATE accruals SET programme_id = -programme_id"),
        ("UPDATE accruals SET cause = 99", "UPDATE accruals SET cause = 1"),
    ],
)
async def test_accrual_without_earning_is_detected(claimed, settings, files, tamper, change, back):
    one = " WHERE cause_id = (SELECT max(cause_id) FROM accruals)"
    await tamper(change + one, back + one)

    found = await ledger_audit.prove(settings, files)

    assert [fault.partition(": ")[0] for fault in found.faults] == [ACCRUAL]


async def test_earning_without_accrual_is_detected(claimed, settings, files, owner, tamper):
    await tamper(
        "CREATE TABLE spare AS SELECT * FROM accruals; DELETE FROM accruals",
        "INSERT INTO accruals SELECT * FROM spare; DROP TABLE spare",
    )

    found = await ledger_audit.prove(settings, files)

    assert [fault.partition(": ")[0] for fault in found.faults] == [ACCRUAL] * 3


async def test_checkpoint_copy_grows_with_checkpoints(claimed, settings, files, world, db):
    await ledger_audit.seal(settings, files, wait_seconds=5)
    (code,) = await world.codes(1)
    await world.scan(claimed, code)
    await ledger_audit.seal(settings, files, wait_seconds=5)

    made = await checkpoints.all_checkpoints(db.engine)
    content = await read_text(files, ledger_audit._copy_name(ledger_audit._utc_today()))
    assert content == "".join(seal.line() + "\n" for seal in made)
    assert len(made) == 2


async def test_unwritten_checkpoint_copies_are_completed(claimed, settings, files, owner):
    await ledger_audit.seal(settings, Folder(files.root / "elsewhere"), wait_seconds=5)
    await as_superuser(owner, "UPDATE seals SET at = at - interval '3 days'")
    made = await checkpoints.all_checkpoints(owner.engine)
    day = ledger_audit._utc_today() - timedelta(days=3)

    async with ledger_audit.open_engine(settings) as proving:
        missing = await ledger_audit.find_differing_copies(proving, files)
        await ledger_audit._copy_checkpoints(proving, files)
        after = await ledger_audit.find_differing_copies(proving, files)

    assert missing == [f"the copy of the seals of {day} is missing"]
    assert after == []
    assert await read_text(files, ledger_audit._copy_name(day)) == made[0].line() + "\n"


async def test_rewritten_history_is_detected_by_checkpoint_copy(claimed, settings, files, owner, tamper):
    await ledger_audit.seal(settings, files, wait_seconds=5)
    await tamper("UPDATE movements SET at = at - interval '1 day'; DELETE FROM seals", "SELECT")
    await ledger_audit.seal(settings, files, wait_seconds=5)

    found = await ledger_audit.prove(settings, files)

    assert found.faults == ["the first seal is not the one that was kept elsewhere"]


async def test_truncated_checkpoints_are_detected_by_copy(claimed, settings, files, owner, world, tamper):
    await ledger_audit.seal(settings, files, wait_seconds=5)
    (code,) = await world.codes(1)
    await world.scan(claimed, code)
    await ledger_audit.seal(settings, files, wait_seconds=5)
    await tamper("DELETE FROM seals WHERE upto = (SELECT max(upto) FROM seals)", "SELECT")

    found = await ledger_audit.prove(settings, files)

    assert found.faults == [f"the seals of {ledger_audit._utc_today()} are not those that were kept elsewhere"]


async def test_timezone_that_one_side_lacks_is_a_warning(world, settings, files):
    programme = await world.programme()
    await world.db.rows(text("UPDATE programmes SET timezone = 'localtime' WHERE id = :id"), id=programme.id)

    found = await ledger_audit.prove(settings, files)

    assert found.faults == []
    assert found.warnings == ["time zone localtime: set another for its programmes and shops, or update the zone data"]
