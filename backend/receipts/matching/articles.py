"""Makers' articles inside a line, and GTINs: what is one, and what is only a measure."""

import re
from collections.abc import Callable, Iterator

from backend.receipts.matching.names import MEANT_FOR, RUN, article_key, fold
from backend.receipts.matching.parts import said

LONGEST_RUNS, SHORTEST, LEAST_DIGITS = 6, 4, 5
GLUE = re.compile(r"[-./_]")


def gtin14(text: str | None) -> str:
    """A GTIN of 14 digits, "" for none: the check digit must hold (GS1 General Specifications 7.9).

    A shop's own numbers (EAN-13 from 20 to 29) are none.
    """
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14)):
        return ""
    padded = digits.zfill(14)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(padded))
    own = padded[0] == "0" and padded[1] == "2" and len(digits) > 12
    return "" if total % 10 or own or not int(padded) else padded


def is_telling(article: str) -> bool:
    """Whether an article, as its key, can point to a product: not a measure, not a word, not too short."""
    digits = sum(sign.isdigit() for sign in article)
    if article.isdigit():
        return digits >= LEAST_DIGITS
    return len(article) >= SHORTEST and digits >= 2 and not is_measure(article)


def is_measure(text: str) -> bool:
    """Whether a text is nothing but attributes: 16А, 220В, IP44, 3х1.5."""
    parts = said(text)
    return bool(parts.attributes) and not parts.codes and not parts.words


def inside(name: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Keys of the articles that stand in a name, the longest where they overlap.

    An article that goes on after a hyphen, dot or stroke is another one: РА16-374-Ч is not РА16-374.
    """
    text = fold(name)
    runs = list(RUN.finditer(text))
    after = 0
    for start in range(len(runs)):
        if start < after or (start and runs[start - 1].group() in MEANT_FOR):
            continue
        for end in range(min(start + LONGEST_RUNS, len(runs)), start, -1):
            whole = text[runs[start].start() : runs[end - 1].end()]
            found = article_key(whole)
            if known(found) and stands_alone(text, runs, start, end) and is_telling(found) and may_join(whole, found):
                yield found
                after = end
                break


def may_join(whole: str, article: str) -> bool:
    """Numbers alone aren't joined over a space: they are two numbers."""
    return not (article.isdigit() and " " in whole) and not is_measure(whole)


def stands_alone(text: str, runs: list[re.Match[str]], start: int, end: int) -> bool:
    """Whether nothing is glued to either side that would make it another article."""
    before = text[runs[start - 1].end() : runs[start].start()] if start else " "
    behind = text[runs[end - 1].end() : runs[end].start()] if end < len(runs) else " "
    follower = runs[end].group() if end < len(runs) else ""
    goes_on = GLUE.fullmatch(behind) and (len(follower) <= LONGEST_RUNS or any(sign.isdigit() for sign in follower))
    comes_from = GLUE.fullmatch(before) and any(sign.isdigit() for sign in runs[start - 1].group())
    return not goes_on and not comes_from
