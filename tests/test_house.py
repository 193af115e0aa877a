"""The house as README draws it, and its proofs as a newcomer would run them, in short."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rooms() -> list[str]:
    """The floors that the linter holds, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [re.sub(r"[()]", "", layer) for layer in layers]


def played(*words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SCANBACK_", "DATABASE_"))}
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=environ, capture_output=True, text=True)


def test_readme_draws_the_rooms_that_the_linter_holds():
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.split("the linter holds this order:", 1)[1].split("```")[1]

    drawn = [line.split("#")[0].strip() for line in block.strip().splitlines()]

    assert drawn == rooms()


def test_the_story_goes_as_it_should():
    told = played("backend.cli", "demo")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "The books balance" in told.stdout


def test_receipts_are_decided_once_though_their_provider_fails_and_workers_die():
    told = played("bench.storm", "--receipts", "30", "--per-second", "20", "--pause", "12")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "30 paid once" in told.stdout


def test_what_was_acknowledged_survives_a_kill_of_each_part():
    told = played("bench.crash", "--rounds", "1", "--pause", "0.5")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 lost, 0 doubled" in told.stdout


def test_orders_end_once_though_workers_and_the_database_are_killed():
    told = played("bench.crash_orders", "--rounds", "2", "--pause", "1")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "nothing waits for ever" in told.stdout
