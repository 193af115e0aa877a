"""Words that docs/glossary.md replaces do not come back, in code, SQL, pages, catalogues or tests."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUFFIXES = (".py", ".sql", ".md", ".po", ".html", ".toml", ".sh", "Makefile")
# What is frozen, what lists the words, and what names people.
SKIPPED = (
    "backend/migrations/versions/",
    "tests/released/",
    "requirements/",
    "CHANGELOG.md",
    "docs/glossary.md",
    "docs/api-changes.md",
)
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
# Names that clients or the database see: they stay until a version of the API or a migration replaces them.
VERIFICATION_LEVEL = "the verification level: table, columns, API fields, error codes"
COLUMN = "a column or API field"
SQL_FUNCTION = "an SQL function or its parameter"
ALLOWED = {
    "rung": VERIFICATION_LEVEL,
    "rungs": VERIFICATION_LEVEL,
    "own_rung": VERIFICATION_LEVEL,
    "ix_rungs_inn_digest": VERIFICATION_LEVEL,
    "rung_too_low": VERIFICATION_LEVEL,
    "kind_for_rung": VERIFICATION_LEVEL,
    "look_for_rings": "a job, whose name includes the function's",
    "taken_at": COLUMN,
    "taken_back": COLUMN,
    "asked_at": COLUMN,
    "told_at": COLUMN,
    "orders_told": SQL_FUNCTION,
    "receipts_says_other": SQL_FUNCTION,
    "p_hurry": SQL_FUNCTION,
    "nobody": "the user of Unix",
}
# An allowed name that is a word of prose elsewhere.
ONLY_IN = {"nobody": "local_postgres/programs.py"}
IDENTIFIER = re.compile(r"\w+")
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
NAME = re.compile(r"\b(?:def|class) (\w+)|^\s*(?:async )?(?:for )?(\w+)(?:: [\w\[\]., |]+)? =(?!=)", re.MULTILINE)
ITSELF = "tests/core/test_vocabulary.py"


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name.endswith(SUFFIXES) and not name.startswith(SKIPPED) and name != ITSELF]


def names(name: str, text: str) -> set[str]:
    found = " ".join(word for match in NAME.findall(text) for word in match)
    return {part.lower() for part in PARTS.findall(without_allowed(name, found))}


def without_allowed(name: str, text: str) -> str:
    return IDENTIFIER.sub(
        lambda found: "" if found[0] in ALLOWED and ONLY_IN.get(found[0], name) == name else found[0], text
    )


def faults(name: str) -> set[str]:
    text = (ROOT / name).read_text("utf-8")
    unusual = {part.lower() for part in PARTS.findall(without_allowed(name, text))} & set(ANYWHERE)
    in_names = names(name, text) & set(IN_NAMES) if name.endswith(".py") else set()
    return unusual | in_names


def test_words_outside_the_glossary_are_not_used():
    found = {name: sorted(faults(name)) for name in tracked()}

    assert {name: bad for name, bad in found.items() if bad} == {}


def test_allowed_names_are_still_in_use():
    used = {word for name in tracked() for word in IDENTIFIER.findall((ROOT / name).read_text("utf-8"))}

    assert set(ALLOWED) - used == set()
