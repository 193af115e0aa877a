"""SQL functions use only what their package may import: the same layers as import-linter holds for Python."""

import re
import tomllib
from pathlib import Path

from backend.core.db.schema_version import ROOT, sql_files
from backend.tables import metadata
from payouts.models import Base

COMMENT = re.compile(r"--[^\n]*")
FUNCTION = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)")
WORD = re.compile(r"\w+")
# Files that read what is above them or beside them, and why.
EXCEPTIONS = {
    "90_grants.sql": "grants name tables of all packages",
    "70_names.sql": "names for the ids in any event, read when it is sent, outside the operation's transaction",
    "47_units.sql": "a reward that extends a warranty is refused for goods whose receipt was returned",
}


def layers() -> list[set[str]]:
    """Packages from the top; those of one set do not know each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (backend,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["backend"]]
    return [set(layer.split(" | ")) for layer in backend] + [{"payouts"}]


def level(package: str) -> int:
    return next(place for place, names in enumerate(layers()) if package in names)


def package_of_file(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "backend" else parts[0]


def package_of_module(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "backend" else parts[0]


def owners() -> dict[str, str]:
    """The package of each table and of each SQL function, by name."""
    tables = {mapper.local_table.name: package_of_module(mapper.class_.__module__) for mapper in Base.registry.mappers}
    functions = {
        name: package_of_file(path) for path in sql_files() for name in FUNCTION.findall(path.read_text("utf-8"))
    }
    return tables | functions


def uses_of_upper_packages() -> dict[str, list[str]]:
    """By file: the tables and functions of packages that it may not use."""
    owner = owners()
    found: dict[str, list[str]] = {}
    for path in sql_files():
        package = package_of_file(path)
        for name in sorted(set(WORD.findall(COMMENT.sub("", path.read_text("utf-8")))) & owner.keys()):
            if owner[name] != package and level(owner[name]) <= level(package):
                found.setdefault(path.name, []).append(f"{name} of {owner[name]}")
    return found


def test_sql_uses_only_what_its_package_may_import():
    found = uses_of_upper_packages()

    assert {name: uses for name, uses in found.items() if name not in EXCEPTIONS} == {}


def test_exceptions_are_still_needed():
    assert EXCEPTIONS.keys() - uses_of_upper_packages().keys() == set()


def test_all_tables_have_a_package():
    assert set(metadata.tables) - owners().keys() == set()
