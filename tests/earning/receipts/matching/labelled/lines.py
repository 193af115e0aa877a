"""The labelled lines: what each means, or None where no product of the catalogue may be credited."""

import random
import re
from pathlib import Path
from typing import NamedTuple

from backend.earning.receipts.matching import CatalogueProduct
from tests.earning.receipts.matching.labelled.axes import AXES
from tests.earning.receipts.matching.labelled.noise import noisy
from tests.earning.receipts.matching.labelled.products import Product, draw, is_held_out, products

SEED = 54
OTHERS = "Домотех|Ставрон|Электрум|Гелиант|Perfekta|BAUMARK|Оптимус|Норд|Вольт|Гидра|Акватек|Краска плюс|Лучик|UNIline"
HANDWRITTEN = Path(__file__).with_name("handwritten.tsv")


class Line(NamedTuple):
    """A line of a receipt with the truth about it."""

    text: str
    truth: int | None
    kind: str
    held_out: bool
    gtin: str | None = None


def catalogue() -> list[CatalogueProduct]:
    return [product.entry for product in products() if product.listed]


def lines() -> list[Line]:
    """All labelled lines, the same on every machine."""
    dice = random.Random(SEED)
    made = [line for product in products() for line in of_product(product, dice)]
    return made + handwritten()


def of_product(product: Product, dice: random.Random) -> list[Line]:
    """Three honest lines of a product, and two that must not be credited."""
    held_out, truth = is_held_out(product.family), product.entry.product_id if product.listed else None
    kind = "listed" if product.listed else "absent"
    made = [Line(noisy(written(product, dice), dice), truth, kind, held_out) for _ in range(3)]
    if product.entry.gtin and draw(product.entry.gtin, 4) == 0:
        made.append(Line(noisy(written(product, dice), dice), truth, kind, held_out, product.entry.gtin))
    other = dice.choice((silent, another_maker, nameless, accessory))
    return [*made, Line(noisy(other(product, dice), dice), None, other.__name__, held_out)]


def written(product: Product, dice: random.Random) -> str:
    """A shop's wording of a product."""
    return dice.choice(product.shops).format(**shop_forms(product, dice))


def silent(product: Product, dice: random.Random) -> str:
    """A wording without the distinguishing attribute of two variants, and without the article."""
    listed = [other for other in products_of(product.family) if other.listed]
    forms, mute = shop_forms(product, dice), list(product.axes)
    dice.shuffle(mute)
    for axis in mute:
        forms[axis] = ""
        rest = {other: product.axes[other] for other in forms if forms[other]}
        if sum(all(other.axes[name] == value for name, value in rest.items()) for other in listed) > 1:
            break
    return spaced(plain_shop(product, dice).format(**forms))


def another_maker(product: Product, dice: random.Random) -> str:
    """The same thing by another maker, with another article, the same article, or none."""
    article = product.entry.articles[0]
    text = dice.choice(product.shops).format(**shop_forms(product, dice))
    text = text.replace(article, dice.choice((article[::-1], article[:-1] + "9", "", article[:4])))
    return renamed(text, product.entry.brand, dice.choice(OTHERS.split("|")))


def nameless(product: Product, dice: random.Random) -> str:
    """The same words without maker and article: anybody's."""
    return spaced(renamed(plain_shop(product, dice).format(**shop_forms(product, dice)), product.entry.brand, ""))


def accessory(product: Product, dice: random.Random) -> str:
    """Something else that is only meant for the product, or another thing of the same maker."""
    thing = dice.choice(("Крепёж", "Чехол", "Ремкомплект", "Набор", "Крышка", "Каталог"))
    meant = f"{product.entry.brand} {product.entry.articles[0]}"
    return dice.choice((f"{thing} для {meant}", f"{thing} {product.entry.brand}", f"{thing} под {meant}"))


def plain_shop(product: Product, dice: random.Random) -> str:
    """A wording without the article."""
    article = product.entry.articles[0]
    return dice.choice([shop for shop in product.shops if article not in shop])


def shop_forms(product: Product, dice: random.Random) -> dict[str, str]:
    return {axis: dice.choice(AXES[axis][value][3]) for axis, value in product.axes.items()}


def products_of(family: str) -> list[Product]:
    return [product for product in products() if product.family == family]


def renamed(text: str, brand: str, other: str) -> str:
    series = r"|\b(?:Бриз|Классика|Лира|Интерьер|Верона)\b"
    return spaced(re.sub(re.escape(brand) + series, other, text, flags=re.IGNORECASE))


def spaced(text: str) -> str:
    return " ".join(text.split())


def handwritten() -> list[Line]:
    """Lines typed by hand, each with the article of the product meant, or a hyphen for none."""
    known = {product.entry.articles[0]: product for product in products()}
    made = []
    for row in HANDWRITTEN.read_text("utf-8").splitlines():
        text, article = row.split("\t")
        product = known.get(article)
        truth = product.entry.product_id if product and product.listed else None
        held_out = is_held_out(product.family if product else text)
        made.append(Line(text, truth, "handwritten" if truth else "other goods", held_out))
    return made
