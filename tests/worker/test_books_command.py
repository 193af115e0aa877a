"""`scanback books`: what a person, and what a script, gets to see of the proof."""

import asyncio
import os
import subprocess
import sys

import msgspec
import pytest
from sqlalchemy import text

from backend.core.settings import Settings


@pytest.fixture
def scanback(settings: Settings, tmp_path):
    """Runs a command on this test's database."""
    environ = os.environ | {"DATABASE_URL": settings.database_url, "SCANBACK_DATA": str(tmp_path)}

    async def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backend.cli", *words]
        return await asyncio.to_thread(
            subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    return run


async def test_right_books_are_sealed_and_proved(scanback, world):
    account = await world.account()
    for code in await world.codes(2):
        await world.scan(account, code)

    sealed = await scanback("books", "seal")
    checked = await scanback("books", "check")

    assert sealed.stdout.startswith("Sealed 2 movements, up to number ")
    assert checked.stdout.startswith("The books are right: 2 movements, 2 of them sealed, ")
    assert (sealed.returncode, checked.returncode, checked.stderr) == (0, 0, "")


async def test_wrong_books_are_printed_with_exit_code_one(scanback, world, owner):
    account = await world.account()
    (code,) = await world.codes(1)
    await world.scan(account, code)
    change = text("UPDATE wallets SET available = available + :by")
    async with owner.begin() as session:
        await session.execute(change, {"by": 1})

    checked = await scanback("books", "check", "--json")

    async with owner.begin() as session:
        await session.execute(change, {"by": -1})
    found = msgspec.json.decode(checked.stdout)
    assert checked.returncode == 1
    assert (found["ok"], found["movements"], len(found["faults"])) == (False, 1, 3)
