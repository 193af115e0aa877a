"""What `make` installs: the lock files against pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def name_of(requirement):
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()


@pytest.mark.parametrize("lock", ["run", "dev"])
def test_each_dependency_is_locked_with_its_hashes(lock):
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    locked = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==\S+.*\\\n    --hash=", text, re.MULTILINE)
    wanted = {name_of(one) for one in PROJECT["project"]["dependencies"]}
    if lock == "dev":
        wanted |= {name_of(one) for one in PROJECT["dependency-groups"]["dev"]}

    assert wanted - set(locked) == set()
    assert len(locked) == len(re.findall(r"^\S+==", text, re.MULTILINE))
