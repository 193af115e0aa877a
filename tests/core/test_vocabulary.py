"""Words that docs/glossary.md replaces do not come back, in code, SQL, pages, catalogues or tests."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUFFIXES = (".py", ".sql", ".md", ".po", ".html", ".toml", ".sh", "Makefile")
# What is frozen, what lists the words, and what names people.
SKIPPED = ("backend/migrations/versions/", "tests/released/", "requirements/", "CHANGELOG.md", "docs/glossary.md")
# Files that were written before the glossary; none may be added.
REMAINING = Path(__file__).with_name("vocabulary_remaining.txt")
ANYWHERE = [
    "deed",
    "deeds",
    "door",
    "doors",
    "room",
    "rooms",
    "desk",
    "desks",
    "hurry",
    "whoever",
    "nobody",
    "nobodys",
    "somebody",
    "somebodys",
    "told",
    "tells",
    "mend",
    "mends",
    "mended",
    "rung",
    "rungs",
    "says",
    "asks",
    "stands",
    "he",
    "him",
    "his",
    "himself",
]
# In prose these are plain English; a name says what is counted, read, stored or sent instead.
IN_NAMES = [
    "least",
    "look",
    "looks",
    "together",
    "alone",
    "turn",
    "turns",
    "kept",
    "asked",
    "taken",
    "told",
    "said",
    "wish",
    "wishes",
]
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
NAME = re.compile(r"\b(?:def|class) (\w+)|^\s*(?:async )?(?:for )?(\w+)(?:: [\w\[\]., |]+)? =(?!=)", re.MULTILINE)
ITSELF = "tests/core/test_vocabulary.py"


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name.endswith(SUFFIXES) and not name.startswith(SKIPPED) and name != ITSELF]


def words(text: str) -> set[str]:
    return {part.lower() for part in PARTS.findall(text)}


def names(text: str) -> set[str]:
    return {part.lower() for found in NAME.findall(text) for name in found for part in PARTS.findall(name)}


def faults(name: str) -> set[str]:
    text = (ROOT / name).read_text("utf-8")
    in_names = names(text) & set(IN_NAMES) if name.endswith(".py") else set()
    return words(text) & set(ANYWHERE) | in_names


def test_words_outside_the_glossary_are_not_used():
    remaining = set(REMAINING.read_text("utf-8").split())

    found = {name: sorted(faults(name)) for name in tracked() if name not in remaining}

    assert {name: bad for name, bad in found.items() if bad} == {}


def test_files_listed_as_remaining_still_need_the_list():
    remaining = REMAINING.read_text("utf-8").split()

    assert [name for name in remaining if not (ROOT / name).exists() or not faults(name)] == []
