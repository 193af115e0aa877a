"""The map in README, and the long proofs as a newcomer would run them, in short."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def layers() -> list[str]:
    """The layers of backend that the linter checks, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (found,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["backend"]]
    return [name for layer in found for name in layer.split(" | ")]


def played(*words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SCANBACK_", "DATABASE_"))}
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=environ, capture_output=True, text=True)


def test_readme_map_has_the_layers_in_order():
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.split("upper lines use lower ones", 1)[1].split("```")[1]

    names = re.findall(r"^    (\w+)(?:\.py)? ", block, re.MULTILINE)

    assert names == layers()


def test_demo_runs_without_failure():
    result = played("backend.cli", "demo")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "The books balance" in result.stdout


def test_receipts_are_decided_once_despite_failures():
    result = played("bench.storm", "--receipts", "30", "--per-second", "20", "--pause", "12")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "30 paid once" in result.stdout


def test_acknowledged_data_survives_killed_processes():
    result = played("bench.crash", "--rounds", "1", "--pause", "0.5", "--back", "30")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 lost, 0 doubled" in result.stdout


def test_orders_end_once_when_processes_are_killed():
    result = played("bench.crash.orders", "--rounds", "2", "--pause", "1")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "nothing waits for ever" in result.stdout


def test_attack_in_short_breaks_nothing():
    result = played("bench.attack", "--scale", "0.05", "--seed", "7")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 faults" in result.stdout
