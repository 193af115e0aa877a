"""The matching of receipt lines: right and wrong credits beside plain rapidfuzz, and time over 100,000 products."""

import random
import time
from collections.abc import Callable
from typing import Any

from backend.earning.receipts.matching import Catalogue, CatalogueProduct
from tests.earning.receipts.matching.labelled import evaluation, lines, noise, products, samples
from tests.earning.receipts.matching.labelled.lines import Line

PRODUCTS, TIMED_LINES = 100_000, 2_000
MOST_P95_MS = 20.0
BRANDS = ("Абер", "Бриолт", "Венкор", "Грантек", "Дельвин", "Жантор", "Зелтек", "Ирвекс", "Колвин", "Ламберт")


def main() -> None:
    """Print quality and speed."""
    quality()
    speed()


def quality() -> None:
    """Precision and recall on the held-out half of the families, both matchers tuned on the other half."""
    entries, labelled = lines.catalogue(), lines.lines()
    catalogue, plain = Catalogue(entries), evaluation.wratio(entries)
    dev, held_out = ([line for line in labelled if line.held_out is half] for half in (False, True))
    threshold = evaluation.best_threshold(dev, [plain(line) for line in dev])
    print(f"{len(entries)} products, {len(dev)} lines to tune on, {len(held_out)} held out")
    for name, part in (("tuned on", dev), ("held out", held_out)):
        print(f"{name}: ours    {evaluation.ours(catalogue, part)}")
        print(f"{name}: WRatio  {evaluation.at_threshold(part, [plain(line) for line in part], threshold)}")
    real = samples.real_lines()
    if real:
        print(
            f"real names: ours {evaluation.ours(Catalogue([*entries, *samples.entries()[0]]), real)}, {len(real)} lines"
        )


def speed() -> None:
    """Say how long a line takes."""
    p95 = p95_ms()
    print(f"{'ok  ' if p95 <= MOST_P95_MS else 'MISS'} ms of processor time a line: p95 {p95:.1f} (<= {MOST_P95_MS})")


def p95_ms() -> float:
    """Build the index over 100,000 products, and match lines: the 95th percentile of processor time for one."""
    dice = random.Random(1)
    entries, sampled = multiplied(PRODUCTS, dice)
    catalogue, seconds = timed(lambda: Catalogue(entries))
    print(f"index over {len(entries)} products: {seconds:.1f} s of processor time")
    times = sorted(timed(lambda line=line: catalogue.match(line.text, line.gtin))[1] for line in sampled)  # type: ignore[misc]
    return float(times[int(len(times) * 0.95)] * 1000)


def multiplied(count: int, dice: random.Random) -> tuple[list[CatalogueProduct], list[Line]]:
    """The labelled families over and over, by other makers in other series, and lines about some of them."""
    kinds = products.products()
    entries = [lines_entry(number, kinds[number % len(kinds)].entry) for number in range(count)]
    sampled = []
    for number in dice.sample(range(count), TIMED_LINES):
        product = kinds[number % len(kinds)]
        text = lines.renamed(lines.written(product, dice), product.entry.brand, entries[number].brand)
        text = text.replace(product.entry.articles[0], entries[number].articles[0])
        sampled.append(Line(noise.noisy(text, dice), number, "listed", held_out=False))
    return entries, sampled


def lines_entry(number: int, entry: CatalogueProduct) -> CatalogueProduct:
    """A product of a made-up maker: a brand of many, a series of its own."""
    brand = f"{BRANDS[number // 403 % len(BRANDS)]}{number // (403 * len(BRANDS)) or ''}"
    return CatalogueProduct(
        product_id=number,
        brand=brand,
        names=tuple(name.replace(entry.brand, f"{brand} С{number // 403}") for name in entry.names),
        articles=(f"{entry.articles[0]}-{number // 403:03}",),
        gtin=None,
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


if __name__ == "__main__":
    main()
