"""The similarity of a line and a product: the parts that they share, and where they contradict."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec
from rapidfuzz.distance import DamerauLevenshtein

from backend.earning.receipts.matching.line_parser import NameParts, parse_name
from backend.earning.receipts.matching.match import CatalogueProduct
from backend.earning.receipts.matching.names import RUN, fold_text, maker_words

ATTRIBUTE_WEIGHT, CODE_WEIGHT = 4.0, 6.0
LINE_SHARE = 0.6
PART_OF_CODE = 3
# Kinds that all products of a sort have in common; shops add or omit them.
SOFT = frozenset({"volt", "piece", "degree", "square", "break"})
ADDITIVE = frozenset({"millimetre", "inch", "diameter"})


NO_PARTS = NameParts(frozenset(), frozenset(), {})


class ProductScore(msgspec.Struct, frozen=True):
    """The similarity of a product to a line."""

    at: int  # position in the catalogue
    score: float  # 0 to 1
    explained: frozenset[str]  # parts of the line that the product has
    unexplained: frozenset[str]  # parts of the line that the product lacks
    unsaid: frozenset[str]  # attributes of the product's best name that the line lacks
    attributes: frozenset[str]  # all attributes of the product
    share: float  # of the line's words, by weight, that the product has
    cover: float  # of the product's best name, by weight, that the line has
    contradicts: bool
    bent: bool  # a word was recognised only with a typing error


class ProductProfile(msgspec.Struct, frozen=True):
    """The parts of a product's names and articles."""

    whole: NameParts
    names: tuple[NameParts, ...]


@lru_cache(maxsize=1 << 14)
def product_profile(product: CatalogueProduct) -> ProductProfile:
    """The parsed names of a product, without the words of its maker, which are compared separately."""
    brand = maker_words(product.makers)
    parts = tuple(without_brand(parse_name(name), brand) for name in product.names)
    codes = {"".join(RUN.findall(fold_text(article))) for article in product.articles}
    values: dict[str, set[str]] = {}
    for part in parts:
        for kind, found in part.attributes.items():
            values.setdefault(kind, set()).update(found)
    whole = NameParts(
        words=frozenset().union(*(part.words for part in parts)),
        codes=frozenset(codes).union(*(part.codes for part in parts)),
        attributes={kind: frozenset(found) for kind, found in values.items()},
    )
    return ProductProfile(whole, parts)


def without_brand(parts: NameParts, brand: Iterable[str]) -> NameParts:
    return NameParts(parts.words - frozenset(brand), parts.codes - frozenset(brand), parts.attributes)


def score_product(
    at: int, product: CatalogueProduct, line: NameParts, last_code: str, weight: Callable[[str], float]
) -> ProductScore:
    """Compare a product with a line. `last_code`: the line's last code if it may be truncated, else ""."""
    line, profile = without_brand(line, maker_words(product.makers)), product_profile(product)
    weight_of = part_weights(line, weight)
    similarities = {word: best_similarity(word, profile.whole.words) for word in line.words}
    explained = {f"~{word}" for word, met in similarities.items() if met}
    explained |= {f"#{code}" for code in line.codes if has_code(code, profile.whole.codes, last_code)}
    explained |= attributes_of(line) & attributes_of(profile.whole)
    total = sum(weight_of.values())
    share = sum(weight_of[part] for part in explained) / total if total else 0.0
    cover, name = max(
        ((name_coverage(name, line, weight), name) for name in profile.names),
        key=lambda pair: pair[0],
        default=(0.0, NO_PARTS),
    )
    return ProductScore(
        at=at,
        score=LINE_SHARE * share + (1 - LINE_SHARE) * cover,
        explained=frozenset(explained),
        unexplained=frozenset(weight_of) - explained,
        attributes=attributes_of(profile.whole),
        unsaid=attributes_of(name) - attributes_of(line),
        share=share,
        cover=cover,
        contradicts=attributes_contradict(line.attributes, profile.whole.attributes),
        bent="bent" in similarities.values(),
    )


def part_weights(parts: NameParts, weight: Callable[[str], float]) -> dict[str, float]:
    """The weight of each part: by rarity for words, constant for codes and attributes."""
    return (
        {f"~{word}": weight(word) for word in parts.words}
        | {f"#{code}": CODE_WEIGHT for code in parts.codes}
        | dict.fromkeys(attributes_of(parts), ATTRIBUTE_WEIGHT)
    )


def attributes_of(parts: NameParts) -> frozenset[str]:
    return frozenset(f"{kind}={value}" for kind, values in parts.attributes.items() for value in values)


def kind_of(part: str) -> str:
    return part.partition("=")[0]


def name_coverage(name: NameParts, line: NameParts, weight: Callable[[str], float]) -> float:
    """The share of a name, by weight, that the line has."""
    weight_of = part_weights(name, weight)
    shared = {f"~{word}" for word in name.words if best_similarity(word, line.words)}
    shared |= {f"#{code}" for code in name.codes & line.codes} | (attributes_of(name) & attributes_of(line))
    total = sum(weight_of.values())
    return sum(weight_of[part] for part in shared) / total if total else 0.0


def attributes_contradict(line: dict[str, frozenset[str]], product: dict[str, frozenset[str]]) -> bool:
    """Whether both have different values of one kind: 16А and 10А, white and black."""
    for kind in line.keys() & product.keys():
        left, right = line[kind], product[kind]
        if kind in ADDITIVE and (left <= right or right <= left):
            continue
        if kind in ADDITIVE or not left & right:
            return True
    return False


def has_code(code: str, codes: frozenset[str], last_code: str) -> bool:
    """Whether a product has a code, as a whole or as the start or end of one that is written separately."""
    long = len(code) >= PART_OF_CODE or code == last_code
    return code in codes or (long and any(known.startswith(code) or known.endswith(code) for known in codes))


def best_similarity(word: str, others: Iterable[str]) -> str:
    """The best similarity of a word to others: "same", "bent" (with a typing error), or ""."""
    best = ""
    for other in others:
        how = word_similarity(word, other)
        if how == "same":
            return how
        best = best or how
    return best


@lru_cache(maxsize=1 << 17)
def word_similarity(word: str, other: str) -> str:
    """Return "same" for equal, abbreviated or inflected words, "bent" for a typing error in six letters, else ""."""
    short, long = sorted((word, other), key=len)
    if long.startswith(short) and len(short) > 1:
        return "same"
    common = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if common >= 4 and common >= len(short) - 2 and len(long) - common <= 4:
        return "same"
    allowed = len(short) // 6
    close = allowed and DamerauLevenshtein.distance(word, other, score_cutoff=allowed) <= allowed
    return "bent" if close else ""
