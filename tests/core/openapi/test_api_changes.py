"""docs/api-changes.md: every new name is in the document, and no earlier one came back."""

import json
import re
from pathlib import Path

import pytest

from backend.app import description

ROOT = Path(__file__).parents[3]
DOCUMENT = json.loads(description())
NAMES = {
    "Operation ids": {
        operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()
    },
    "Schemas": set(DOCUMENT["components"]["schemas"]),
    "Tags": {tag["name"] for tag in DOCUMENT["tags"]},
}


def changes(heading: str) -> dict[str, str]:
    """The table below a heading: new names by earlier ones."""
    page = (ROOT / "docs" / "api-changes.md").read_text("utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section, re.MULTILINE)
    return {earlier.strip("` "): new.strip("` ") for earlier, new in rows if earlier not in ("earlier", "---")}


@pytest.mark.parametrize("heading", NAMES)
def test_changed_names_are_those_of_the_document(heading: str):
    listed = changes(heading)

    assert listed
    assert set(listed.values()) - NAMES[heading] == set()
    assert listed.keys() & NAMES[heading] == set()
    assert len(set(listed.values())) == len(listed)
