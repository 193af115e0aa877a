"""The catalogue of the labelled set: every variant of every family, some of them left out of the catalogue."""

import csv
import hashlib
import itertools
from functools import cache
from pathlib import Path
from typing import NamedTuple

from backend.earning.receipts.matching import CatalogueProduct
from tests.earning.receipts.matching.labelled.axes import AXES

FAMILIES = Path(__file__).with_name("families.tsv")
# One variant in so many is made by the maker and not in the catalogue; one in so many has a GTIN.
ABSENT, NUMBERED = 8, 2


class Product(NamedTuple):
    """A variant: what it is by its axes, and how its family's shops write it."""

    family: str
    axes: dict[str, str]
    entry: CatalogueProduct
    shops: tuple[str, ...]
    listed: bool


@cache
def products() -> list[Product]:
    """All variants of all families, in the order of the file."""
    with FAMILIES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        variant(number, row, axes)
        for number, (row, axes) in enumerate(((row, axes) for row in rows for axes in grid(row["axes"])), start=1)
    ]


def grid(text: str) -> list[dict[str, str]]:
    axes = {axis: values.split(",") for axis, values in (part.split(":") for part in text.split())}
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def variant(number: int, row: dict[str, str], axes: dict[str, str]) -> Product:
    forms = {axis: AXES[axis][value] for axis, value in axes.items()}
    article = row["article"].format(**{axis: form[2] for axis, form in forms.items()}).replace("/", "")
    entry = CatalogueProduct(
        product_id=number,
        brand=row["brand"],
        names=(
            row["catalogue"].format(**{axis: form[0] for axis, form in forms.items()}),
            row["English"].format(**{axis: form[1] for axis, form in forms.items()}),
        ),
        articles=(article,),
        gtin=gtin(number) if draw(article, NUMBERED) == 0 else None,
    )
    shops = tuple(shop.replace("{article}", article) for shop in row["shops"].split("|"))
    return Product(row["family"], axes, entry, shops, draw(f"listed {article}", ABSENT) > 0)


def gtin(number: int) -> str:
    """An EAN-13 with a right check digit, in a range that no real maker has here: 4690…"""
    digits = f"469{number:09}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def draw(text: str, sides: int) -> int:
    """A throw that is the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % sides


def is_held_out(family: str) -> bool:
    """Half of the families, by their names alone: nothing was tuned on them."""
    return draw(f"half {family}", 2) == 1
