"""Precision and recall of automatic credits over labelled lines, ours and plain rapidfuzz's."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process, utils

from backend.earning.receipts.matching import Catalogue, CatalogueProduct
from tests.earning.receipts.matching.labelled.lines import Line

MIN_PRECISION = 0.99
Answer = tuple[int | None, float]


class Figures(NamedTuple):
    """How a matcher fared: what it credited, how much of it was right, how much was there to credit."""

    credited: int
    right: int
    creditable: int

    @property
    def precision(self) -> float:
        return self.right / self.credited if self.credited else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.creditable if self.creditable else 0.0

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.4f} ({self.right}/{self.credited}), "
            f"recall {self.recall:.4f} ({self.right}/{self.creditable})"
        )


def figures(lines: Sequence[Line], credited: Iterable[int | None]) -> Figures:
    pairs = list(zip(lines, credited, strict=True))
    return Figures(
        credited=sum(product is not None for _, product in pairs),
        right=sum(product is not None and product == line.truth for line, product in pairs),
        creditable=sum(line.truth is not None for line in lines),
    )


def ours(catalogue: Catalogue, lines: Sequence[Line]) -> Figures:
    answers = [catalogue.match(line.text, line.gtin) for line in lines]
    return figures(lines, (answer.product_id if answer.sure else None for answer in answers))


def wratio(entries: Sequence[CatalogueProduct]) -> Callable[[Line], Answer]:
    """Plain rapidfuzz over every name alone, and with its articles, by its own default processor."""
    texts = [
        (utils.default_process(text), entry.product_id)
        for entry in entries
        for name in entry.names
        for text in (name, " ".join((name, *entry.articles)))
    ]
    names, owners = [text for text, _ in texts], [owner for _, owner in texts]

    def answer(line: Line) -> Answer:
        found = process.extractOne(utils.default_process(line.text), names, scorer=fuzz.WRatio)
        return (owners[found[2]], found[1]) if found else (None, 0.0)

    return answer


def best_threshold(lines: Sequence[Line], answers: Sequence[Answer]) -> float:
    """The threshold with the most right credits at the least precision; where none has it, the most precise one."""
    thresholds = sorted({score for _, score in answers})
    tried = [(at_threshold(lines, answers, threshold), threshold) for threshold in thresholds]
    good = [(have.right, threshold) for have, threshold in tried if have.right and have.precision >= MIN_PRECISION]
    if good:
        return max(good)[1]
    return max((have.precision, have.right, threshold) for have, threshold in tried)[2]


def at_threshold(lines: Sequence[Line], answers: Sequence[Answer], threshold: float) -> Figures:
    return figures(lines, (product if score >= threshold else None for product, score in answers))
