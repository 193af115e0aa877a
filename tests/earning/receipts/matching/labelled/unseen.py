"""A second set by another hand: products and lines written without having seen the matching or the first set."""

import csv
from functools import cache
from pathlib import Path

from backend.earning.receipts.matching import CatalogueProduct
from tests.earning.receipts.matching.labelled.lines import Line

FIRST_ID = 10_000  # beyond the products of the first set, beside which these stand


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def numbers() -> dict[str, int]:
    return {row["sku"]: number for number, row in enumerate(_rows("unseen_products.tsv"), start=FIRST_ID)}


def entries() -> list[CatalogueProduct]:
    return [
        CatalogueProduct(
            product_id=numbers()[row["sku"]],
            brand=row["brand"],
            names=(row["name_ru"], row["name_en"]),
            articles=(row["article"],) if row["article"] else (),
            gtin=None,
        )
        for row in _rows("unseen_products.tsv")
    ]


def lines() -> list[Line]:
    """Each with the product that it means, or None where it may not be credited, and why."""
    return [
        Line(row["text"], numbers()[row["sku"]] if row["sku"] else None, row["kind"], held_out=True)
        for row in _rows("unseen_lines.tsv")
    ]
