"""The proof of the whole installation: accruals beside earnings, and seals beside their copies."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from backend import proof
from backend.files.folder import Folder
from payouts import seals
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
    """Do as somebody with the database in his hands, and undo it before the books are checked."""
    undo = []

    async def change(statements: str, back: str) -> None:
        undo.append(back)
        await as_superuser(owner, statements)

    yield change
    for back in undo:
        await as_superuser(owner, back)


async def test_the_books_of_a_day_are_right_and_the_result_is_kept(claimed, settings, files, db):
    await proof.seal(settings, files, wait_seconds=5)

    found = await proof.prove(settings, files)

    assert (found.faults, found.movements, found.sealed) == ([], 3, 3)
    kept = await db.rows(text("SELECT movements, faults FROM books_checks"))
    assert kept == [(3, [])]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("UPDATE accruals SET amount = amount - 1", "UPDATE accruals SET amount = amount + 1"),
        ("UPDATE accruals SET account_id = -account_id", "UPDATE accruals SET account_id = -account_id"),
        ("UPDATE accruals SET programme_id = -programme_id", "UPDATE accruals SET programme_id = -programme_id"),
        ("UPDATE accruals SET cause = 99", "UPDATE accruals SET cause = 1"),
    ],
)
async def test_an_accrual_without_its_earning_is_found(claimed, settings, files, tamper, change, back):
    one = " WHERE cause_id = (SELECT max(cause_id) FROM accruals)"
    await tamper(change + one, back + one)

    found = await proof.prove(settings, files)

    assert [fault.partition(": ")[0] for fault in found.faults] == [ACCRUAL]


async def test_an_earning_without_its_accrual_is_found(claimed, settings, files, owner, tamper):
    await tamper("CREATE TABLE spare AS SELECT * FROM accruals; DELETE FROM accruals",
                 "INSERT INTO accruals SELECT * FROM spare; DROP TABLE spare")  # fmt: skip

    found = await proof.prove(settings, files)

    assert [fault.partition(": ")[0] for fault in found.faults] == [ACCRUAL] * 3


async def test_the_copy_of_the_seals_grows_with_them(claimed, settings, files, world, db):
    await proof.seal(settings, files, wait_seconds=5)
    (code,) = await world.codes(1)
    await world.scan(claimed, code)
    await proof.seal(settings, files, wait_seconds=5)

    made = await seals.made(db.engine)
    content = await proof._stored(files, proof._name(proof._today()))
    assert content == "".join(seal.line() + "\n" for seal in made)
    assert len(made) == 2


async def test_a_copy_that_could_not_be_written_for_days_is_made_up_for(claimed, settings, files, owner):
    await proof.seal(settings, Folder(files.root / "elsewhere"), wait_seconds=5)
    await as_superuser(owner, "UPDATE seals SET at = at - interval '3 days'")
    made = await seals.made(owner.engine)
    day = proof._today() - timedelta(days=3)

    async with proof.engine(settings) as proving:
        missing = await proof.copies_that_differ(proving, files)
        await proof._copy(proving, files)
        after = await proof.copies_that_differ(proving, files)

    assert missing == [f"the copy of the seals of {day} is missing"]
    assert after == []
    assert await proof._stored(files, proof._name(day)) == made[0].line() + "\n"


async def test_history_that_was_rewritten_with_all_its_seals_is_found_by_the_copy(
    claimed, settings, files, owner, tamper
):
    await proof.seal(settings, files, wait_seconds=5)
    await tamper("UPDATE movements SET at = at - interval '1 day'; DELETE FROM seals", "SELECT")
    await proof.seal(settings, files, wait_seconds=5)

    found = await proof.prove(settings, files)

    assert found.faults == ["the first seal is not the one that was kept elsewhere"]


async def test_seals_that_were_cut_off_at_the_end_are_found_by_the_copy(claimed, settings, files, owner, world, tamper):
    await proof.seal(settings, files, wait_seconds=5)
    (code,) = await world.codes(1)
    await world.scan(claimed, code)
    await proof.seal(settings, files, wait_seconds=5)
    await tamper("DELETE FROM seals WHERE upto = (SELECT max(upto) FROM seals)", "SELECT")

    found = await proof.prove(settings, files)

    assert found.faults == [f"the seals of {proof._today()} are not those that were kept elsewhere"]
