"""Makers' article numbers and GTINs inside a line, as opposed to measures."""

import re
from collections.abc import Callable, Iterator

from backend.earning.receipts.matching.line_parser import parse_name
from backend.earning.receipts.matching.names import MEANT_FOR, RUN, article_key, fold_text

MAX_RUNS, MIN_LENGTH, MIN_DIGITS = 6, 4, 5
GLUE = re.compile(r"[-./_]")
# GU10, E27, RJ45, CR2032, LR44, DN15, PN20, RAL9010, M12x30, R134a and similar, as `article_key` writes them.
STANDARD = re.compile(
    r"(?:gu|gx|gy|g|e|b|rj|cat|usb|hdmi|cr|lr|fr|ag|aa+|dn|pn|sdr|pe|pex|ppr?|pvc|pbx|ral|ip|ik|m|r|sae|din|iso|en|gost|roct"
    r"|led|smd|bbg|pvs|nym)[0-9]+(?:[a-zа-я]?[0-9]*|x[0-9]+)"
)


def normalize_gtin(text: str | None) -> str:
    """A GTIN padded to 14 digits, "" if it is not one or its check digit is wrong (GS1 General Specifications 7.9).

    A shop's own numbers (EAN-13 from 20 to 29) do not count.
    """
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14)):
        return ""
    padded = digits.zfill(14)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(padded))
    own = padded[0] == "0" and padded[1] == "2" and len(digits) > 12
    return "" if total % 10 or own or not int(padded) else padded


def is_identifying(article: str) -> bool:
    """Whether an article key can identify a product: not a measure, not a word, not too short."""
    digits = sum(sign.isdigit() for sign in article)
    if article.isdigit():
        return digits >= MIN_DIGITS
    return len(article) >= MIN_LENGTH and digits >= 2 and not is_measure(article)


def is_measure(text: str) -> bool:
    """Whether a text has only attributes: 16А, 220В, IP44, 3х1.5."""
    parts = parse_name(text)
    return bool(parts.attributes) and not parts.codes and not parts.words


def is_standard(article: str) -> bool:
    """Whether a text is a standard's name (socket, thread, battery), which goods of all makers have."""
    return bool(STANDARD.fullmatch(article))


def find_articles(name: str, is_known: Callable[[str], bool]) -> Iterator[str]:
    """Keys of the articles in a name; the longest one where they overlap.

    An article that continues after a hyphen, dot or slash is another one: РА16-374-Ч is not РА16-374.
    """
    text = fold_text(name)
    runs = list(RUN.finditer(text))
    after = 0
    for start in range(len(runs)):
        if start < after or (start and runs[start - 1].group() in MEANT_FOR):
            continue
        for end in range(min(start + MAX_RUNS, len(runs)), start, -1):
            text_part = text[runs[start].start() : runs[end - 1].end()]
            article = article_key(text_part)
            if (
                is_known(article)
                and is_whole_article(text, runs, start, end)
                and is_identifying(article)
                and can_join(text_part, article)
            ):
                yield article
                after = end
                break


def can_join(text_part: str, article: str) -> bool:
    """Whether parts form one article: digits with a space between them are two numbers."""
    return not (article.isdigit() and " " in text_part) and not is_measure(text_part)


def is_whole_article(text: str, runs: list[re.Match[str]], start: int, end: int) -> bool:
    """Whether no character next to it makes it another article."""
    before = text[runs[start - 1].end() : runs[start].start()] if start else " "
    after_it = text[runs[end - 1].end() : runs[end].start()] if end < len(runs) else " "
    follower = runs[end].group() if end < len(runs) else ""
    continues = GLUE.fullmatch(after_it) and (len(follower) <= MAX_RUNS or any(sign.isdigit() for sign in follower))
    is_continuation = GLUE.fullmatch(before) and any(sign.isdigit() for sign in runs[start - 1].group())
    return not continues and not is_continuation
