"""Error codes are never renamed before 1.0, and new ones end in an agreed suffix (decision 34)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
# Codes of before the suffixes were agreed. Nothing is added here, and nothing is removed before 1.0.
EARLIER = frozenset(Path(__file__).with_name("earlier_error_codes.txt").read_text("utf-8").split())
SUFFIXES = ("_not_found", "_invalid", "_conflict", "_expired", "_exhausted", "_forbidden", "_limited")


def documented_codes() -> set[str]:
    """The codes of docs/errors.md, which another test compares with the code."""
    sections = (ROOT / "docs" / "errors.md").read_text("utf-8").split("\n## ")
    return {
        code
        for section in sections
        if re.match(r"\d{3} ", section)
        for code in re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    }


def test_earlier_error_codes_remain():
    assert EARLIER - documented_codes() == set()


def test_new_error_codes_end_in_agreed_suffixes():
    new = documented_codes() - EARLIER

    assert {code for code in new if not code.endswith(SUFFIXES)} == set()
