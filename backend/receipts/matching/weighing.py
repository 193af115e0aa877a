"""How far a line and a product say the same: what each explains of the other, and where they contradict."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec
from rapidfuzz.distance import DamerauLevenshtein

from backend.receipts.matching.entry import Entry
from backend.receipts.matching.names import RUN, brand_keys, fold
from backend.receipts.matching.parts import Said, said

ATTRIBUTE_WEIGHT, CODE_WEIGHT = 4.0, 6.0
LINE_SHARE = 0.6
PART_OF_CODE = 3
# Kinds that every product of a sort has alike; a shop adds or drops them as it likes.
SOFT = frozenset({"volt", "piece", "degree", "square", "break"})
ADDITIVE = frozenset({"millimetre", "inch", "diameter"})


NOTHING = Said(frozenset(), frozenset(), {})


class Weighed(msgspec.Struct, frozen=True):
    """A product held against a line."""

    at: int
    score: float  # 0 to 1
    explained: frozenset[str]  # parts of the line that the product has
    unexplained: frozenset[str]  # parts of the line that it doesn't have
    unsaid: frozenset[str]  # attributes of the product's best name that the line doesn't say
    attributes: frozenset[str]  # all attributes of the product
    share: float  # of the line's words, by weight, that the product has
    cover: float  # of the product's best name, by weight, that the line has
    contradicts: bool
    bent: bool  # some word was recognised only through a typing error


class Profile(msgspec.Struct, frozen=True):
    """All that a product's names and articles say."""

    whole: Said
    names: tuple[Said, ...]


@lru_cache(maxsize=1 << 14)
def profile(entry: Entry) -> Profile:
    """A product's names taken apart; its brand's words are left out, they are asked for by themselves."""
    brand = {word for spelling in brand_keys(entry.brand) for word in spelling.split()}
    parts = tuple(without(said(name), brand) for name in entry.names)
    codes = {"".join(RUN.findall(fold(article))) for article in entry.articles}
    values: dict[str, set[str]] = {}
    for part in parts:
        for kind, found in part.attributes.items():
            values.setdefault(kind, set()).update(found)
    whole = Said(
        words=frozenset().union(*(part.words for part in parts)),
        codes=frozenset(codes).union(*(part.codes for part in parts)),
        attributes={kind: frozenset(found) for kind, found in values.items()},
    )
    return Profile(whole, parts)


def first(pair: tuple[float, Said]) -> float:
    return pair[0]


def without(parts: Said, brand: Iterable[str]) -> Said:
    return Said(parts.words - frozenset(brand), parts.codes - frozenset(brand), parts.attributes)


def weigh(at: int, entry: Entry, line: Said, last_code: str, weight: Callable[[str], float]) -> Weighed:
    """Hold a product against a line, whose last code may have been cut ("" if not)."""
    brand = {word for spelling in brand_keys(entry.brand) for word in spelling.split()}
    line, product = without(line, brand), profile(entry)
    worth = weights(line, weight)
    has = {word: meets(word, product.whole.words) for word in line.words}
    explained = {f"~{word}" for word, met in has.items() if met}
    explained |= {f"#{code}" for code in line.codes if has_code(code, product.whole.codes, last_code)}
    explained |= attributes_of(line) & attributes_of(product.whole)
    total = sum(worth.values())
    share = sum(worth[part] for part in explained) / total if total else 0.0
    cover, name = max(
        ((covered(name, line, weight), name) for name in product.names),
        key=lambda pair: pair[0],
        default=(0.0, NOTHING),
    )
    return Weighed(
        at=at,
        score=LINE_SHARE * share + (1 - LINE_SHARE) * cover,
        explained=frozenset(explained),
        unexplained=frozenset(worth) - explained,
        attributes=attributes_of(product.whole),
        unsaid=attributes_of(name) - attributes_of(line),
        share=share,
        cover=cover,
        contradicts=contradicts(line.attributes, product.whole.attributes),
        bent="bent" in has.values(),
    )


def weights(parts: Said, weight: Callable[[str], float]) -> dict[str, float]:
    """Each part's worth: a word's rareness, a code's and an attribute's own."""
    return (
        {f"~{word}": weight(word) for word in parts.words}
        | {f"#{code}": CODE_WEIGHT for code in parts.codes}
        | dict.fromkeys(attributes_of(parts), ATTRIBUTE_WEIGHT)
    )


def attributes_of(parts: Said) -> frozenset[str]:
    return frozenset(f"{kind}={value}" for kind, values in parts.attributes.items() for value in values)


def kind_of(part: str) -> str:
    return part.partition("=")[0]


def covered(name: Said, line: Said, weight: Callable[[str], float]) -> float:
    """The share of a name that the line says."""
    worth = weights(name, weight)
    said_too = {f"~{word}" for word in name.words if meets(word, line.words)}
    said_too |= {f"#{code}" for code in name.codes & line.codes} | (attributes_of(name) & attributes_of(line))
    total = sum(worth.values())
    return sum(worth[part] for part in said_too) / total if total else 0.0


def contradicts(line: dict[str, frozenset[str]], product: dict[str, frozenset[str]]) -> bool:
    """Whether the two name different values of one kind: 16А and 10А, white and black."""
    for kind in line.keys() & product.keys():
        left, right = line[kind], product[kind]
        if kind in ADDITIVE and (left <= right or right <= left):
            continue
        if kind in ADDITIVE or not left & right:
            return True
    return False


def has_code(code: str, codes: frozenset[str], last_code: str) -> bool:
    """Whether a product has a code, whole or as the beginning or end of one written apart."""
    long = len(code) >= PART_OF_CODE or code == last_code
    return code in codes or (long and any(known.startswith(code) or known.endswith(code) for known in codes))


def meets(word: str, others: Iterable[str]) -> str:
    """How a word is met among others: "same", "bent" by a typing error, or "" for not at all."""
    best = ""
    for other in others:
        how = alike(word, other)
        if how == "same":
            return how
        best = best or how
    return best


@lru_cache(maxsize=1 << 17)
def alike(word: str, other: str) -> str:
    """Whether two words are one: the same, cut short, bent by grammar, or mistyped by a letter in six."""
    short, long = sorted((word, other), key=len)
    if long.startswith(short) and len(short) > 1:
        return "same"
    common = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if common >= 4 and common >= len(short) - 2 and len(long) - common <= 4:
        return "same"
    allowed = len(short) // 6
    close = allowed and DamerauLevenshtein.distance(word, other, score_cutoff=allowed) <= allowed
    return "bent" if close else ""
