"""Real names, read from SCANBACK_SAMPLES at run time; beside them our own catalogue entries for a few of them."""

import csv
import hashlib
import os
from pathlib import Path

from backend.earning.receipts.matching import CatalogueProduct
from tests.earning.receipts.matching.labelled.lines import Line

REAL = Path(__file__).with_name("real.tsv")
FIRST_ID = 100_000


def entries() -> tuple[list[CatalogueProduct], dict[str, int]]:
    """Entries in the field's style, and which real line each means, by the line's hash: the lines aren't ours."""
    with REAL.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    made = [
        CatalogueProduct(number, row["brand"], (row["name"],), (row["article"],) if row["article"] else (), None)
        for number, row in enumerate(rows, start=FIRST_ID)
    ]
    return made, {row["line"]: entry.product_id for row, entry in zip(rows, made, strict=True) if row["line"]}


def real_lines() -> list[Line]:
    """Every real name once, none of them tuned on; empty without the samples."""
    folder = Path(os.environ["SCANBACK_SAMPLES"]) / "names" if "SCANBACK_SAMPLES" in os.environ else None
    if folder is None:
        return []
    names: dict[str, None] = {}
    for file, column in (("receipt-lines.tsv", 0), ("remirboy_2020_names.tsv", 1)):
        rows = (folder / file).read_text("utf-8").splitlines()[1:]
        names.update(dict.fromkeys(row.split("\t")[column].strip() for row in rows))
    meant = entries()[1]
    return [Line(name, meant.get(hashlib.sha256(name.encode()).hexdigest()[:16]), "real", True) for name in names]
