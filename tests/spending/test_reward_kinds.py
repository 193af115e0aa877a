"""The table of reward kinds, and the page that lists what a new kind touches."""

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from backend.spending.reward_kinds import REWARD_KINDS, Fulfilment, RewardKind, TaxNature

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "a-reward-kind.md").read_text("utf-8")
KINDS = "|".join(get_args(RewardKind))
FULFILMENTS = "|".join(get_args(Fulfilment))
BY_KIND = re.compile(rf"\bkind (?:==|=|!=|<>|IN|in) ?\(?['\"](?:{KINDS})['\"]")
BY_FULFILMENT = re.compile(rf"\bfulfilment (?:==|=|!=|<>|IN|in) ?\(?['\"](?:{FULFILMENTS})['\"]")


def files_that_match(pattern):
    listed = subprocess.run(["git", "ls-files", "backend"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if name.endswith((".py", ".sql")) and "/migrations/" not in name]
    # Scans have kinds, too: there a certificate is what was scanned.
    spending = [name for name in names if name.startswith(("backend/spending/", "backend/cli/"))]
    return [name for name in spending if pattern.search((ROOT / name).read_text("utf-8"))]


def test_every_kind_has_its_rules():
    assert tuple(REWARD_KINDS) == get_args(RewardKind)


@pytest.mark.parametrize("kind", get_args(RewardKind))
def test_rules_of_kind_name_known_values(kind):
    rules = REWARD_KINDS[kind]

    assert rules.tax in get_args(TaxNature)
    assert rules.fulfilments
    assert rules.fulfilments <= set(get_args(Fulfilment))


@pytest.mark.parametrize("pattern", [BY_KIND, BY_FULFILMENT], ids=["kind", "fulfilment"])
def test_page_names_files_that_decide(pattern):
    files = files_that_match(pattern)

    assert files
    assert [name for name in files if f"`{name}`" not in PAGE] == []


def test_page_names_files_that_exist():
    named = re.findall(r"`((?:backend|docs|demo|payouts)/[\w/.]+)`", PAGE)

    assert [name for name in named if not (ROOT / name).exists()] == []
