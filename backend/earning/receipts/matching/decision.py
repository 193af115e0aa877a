"""The decision: GTIN, exact name, article, words, in this order; sure only when no other product fits as well."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from backend.earning.receipts.matching import articles
from backend.earning.receipts.matching.match import CatalogueProduct, Match, MatchMethod
from backend.earning.receipts.matching.similarity import SOFT, ProductScore, kind_of

# A product with a lower score is not shown to a reviewer.
MIN_SCORE = 0.3
MIN_SHARE, MIN_COVER = 0.65, 0.45
NO_MAKER_SHARE, NO_MAKER_COVER = 0.95, 0.95
LONG_WORD = 4
LONG_ARTICLE, LONG_ARTICLE_DIGITS = 6, 3
# The line itself must distinguish the best product from others within this much of its score.
RIVAL_GAP = 0.35
# Products of the same maker within this much of the score show in what the maker's variants differ.
VARIANT_GAP = 0.3
MAX_CANDIDATES = 5


class LineEvidence(msgspec.Struct, frozen=True):
    """A receipt line and what the index has for it, as positions in the catalogue."""

    gtin: str  # 14 digits, "" for none
    brands: frozenset[str]  # makers of this catalogue that the line names, as they are spelled
    foreign: bool  # it has a word that no product of this catalogue has
    by_gtin: tuple[int, ...]
    by_name: tuple[int, ...]
    exact: frozenset[int]  # those of by_name that the wording identifies without the maker
    by_article: Mapping[str, tuple[int, ...]]
    scores: tuple[ProductScore, ...]  # of every similar product


class Candidate(msgspec.Struct, frozen=True):
    """A product found by one of the rules."""

    product: ProductScore
    how: MatchMethod
    score: float
    sure: bool


def decide_match(line: LineEvidence, products: Sequence[CatalogueProduct]) -> Match:
    """The first rule that is sure decides; otherwise a reviewer decides, from the candidates of all rules."""
    ranked = sorted(line.scores, key=lambda scored: (scored.contradicts, -scored.score, products[scored.at].product_id))
    found = [
        candidate
        for rule in (gtin_candidates, name_candidates, article_candidates)
        for candidate in rule(line, products)
    ]
    if not any(candidate.sure for candidate in found) and ranked and ranked[0].score >= MIN_SCORE:
        found.append(word_candidate(line, ranked, products))
    best = next((candidate for candidate in found if candidate.sure), found[0] if found else None)
    order = dict.fromkeys([*(candidate.product for candidate in ([best] if best else []) + found), *ranked])
    candidates = tuple(
        (products[scored.at].product_id, round(best.score if best and scored is best.product else scored.score, 4))
        for scored in order
        if scored.score >= MIN_SCORE or (best and scored is best.product)
    )[:MAX_CANDIDATES]
    if best is None:
        return Match(None, "none", 0.0, sure=False, candidates=candidates)
    return Match(products[best.product.at].product_id, best.how, round(best.score, 4), best.sure, candidates)


def gtin_candidates(line: LineEvidence, products: Sequence[CatalogueProduct]) -> Iterator[Candidate]:
    """The product of the GTIN; not sure if the name contradicts it."""
    scores = {scored.at: scored for scored in line.scores}
    for at in line.by_gtin:
        is_named = not line.brands or bool(line.brands & products[at].makers)
        sure = len(line.by_gtin) == 1 and not scores[at].contradicts and is_named
        yield Candidate(scores[at], "gtin", 1.0 if sure else scores[at].score, sure)


def name_candidates(line: LineEvidence, products: Sequence[CatalogueProduct]) -> Iterator[Candidate]:
    """Products with exactly this name.

    Other makers use the same words, so it is sure only if the line names the maker, has the product's own article, or
    has a wording that the brand has listed for this product.
    """
    scores = {scored.at: scored for scored in line.scores}
    for at in line.by_name:
        is_trusted = at in line.exact or names_maker(line, products[at]) or has_own_article(line, at)
        sure = len(line.by_name) == 1 and is_compatible(line, scores[at], products[at]) and is_trusted
        yield Candidate(scores[at], "alias", 1.0 if sure else scores[at].score, sure)


def article_candidates(line: LineEvidence, products: Sequence[CatalogueProduct]) -> Iterator[Candidate]:
    """Products with an article in the line; sure only if a word of the line fits too."""
    scores = {scored.at: scored for scored in line.scores}
    found = {at for positions in line.by_article.values() for at in positions}
    for article, positions in line.by_article.items():
        for at in positions:
            has_word = any(part.startswith("~") for part in scores[at].explained)
            is_trusted = names_maker(line, products[at]) or (
                is_distinctive_article(article) and not line.foreign and not has_unknown_word(scores[at])
            )
            sure = len(found) == 1 and has_word and is_trusted and is_compatible(line, scores[at], products[at])
            yield Candidate(scores[at], "article", 0.99 if sure else scores[at].score, sure)


def word_candidate(
    line: LineEvidence, ranked: Sequence[ProductScore], products: Sequence[CatalogueProduct]
) -> Candidate:
    """The product with the best words; sure only if the line has all that distinguishes it from similar products."""
    best = ranked[0]
    product = products[best.at]
    # The maker's name distinguishes another maker's product: the line has it, or nothing is sure.
    rivals = [
        scored
        for scored in ranked[1:]
        if not products[scored.at].makers or is_same_maker(line, product, products[scored.at])
    ]
    min_share, min_cover = (MIN_SHARE, MIN_COVER) if product.makers else (NO_MAKER_SHARE, NO_MAKER_COVER)
    variants = [
        scored
        for scored in ranked
        if is_same_maker(line, product, products[scored.at]) and scored.score >= best.score - VARIANT_GAP
    ]
    sure = (
        is_compatible(line, best, product)
        and names_maker(line, product)
        and best.share >= min_share
        and best.cover >= min_cover
        and not any(part.startswith("#") or is_variant_attribute(part) for part in best.unexplained)
        and not any(
            is_variant_attribute(part) and varies_between_products(part, best, variants) for part in best.unsaid
        )
        and all(is_distinguished(best, rival) for rival in rivals if rival.score >= best.score - RIVAL_GAP)
    )
    return Candidate(best, "fuzzy" if best.bent else "tokens", best.score, sure)


def is_compatible(line: LineEvidence, scored: ProductScore, product: CatalogueProduct) -> bool:
    """Whether nothing in the line contradicts a product: no other value, maker or GTIN, no word for a part."""
    own = articles.normalize_gtin(product.gtin)
    if any(kind_of(part) == "part" for part in scored.unexplained):
        return False
    return not scored.contradicts and line.brands <= product.makers and not (line.gtin and own and line.gtin != own)


def names_maker(line: LineEvidence, product: CatalogueProduct) -> bool:
    """Whether the line names the product's maker; true if the maker is unknown."""
    return not product.makers or bool(product.makers & line.brands)


def is_same_maker(line: LineEvidence, product: CatalogueProduct, other: CatalogueProduct) -> bool:
    """Whether another product has the maker's names in the line; if the line has none, the same names."""
    named = product.makers & line.brands
    return bool(named & other.makers) if named else product.makers == other.makers


def has_own_article(line: LineEvidence, at: int) -> bool:
    """Whether the line has an article of this product only that is not the name of a standard."""
    return any(
        positions == (at,) and not articles.is_standard(article) for article, positions in line.by_article.items()
    )


def has_unknown_word(scored: ProductScore) -> bool:
    """Whether the line has a word that the product lacks: it may be another maker's name."""
    return any(part.startswith("~") and len(part) > LONG_WORD for part in scored.unexplained)


def is_distinguished(best: ProductScore, rival: ProductScore) -> bool:
    """Whether the line has something that only the best product has, and nothing that only the rival has."""
    return rival.contradicts or best.explained > rival.explained


def varies_between_products(part: str, best: ProductScore, variants: Sequence[ProductScore]) -> bool:
    """Whether the maker's similar products differ in attributes of this kind."""
    kind = kind_of(part)
    own = {text for text in best.attributes if kind_of(text) == kind}
    return any({text for text in scored.attributes if kind_of(text) == kind} not in (own, set()) for scored in variants)


def is_variant_attribute(part: str) -> bool:
    """Whether a part is an attribute in which variants differ."""
    return "=" in part and kind_of(part) not in SOFT


def is_distinctive_article(article: str) -> bool:
    """Whether an article is so specific that another maker is unlikely to have it."""
    digits = sum(character.isdigit() for character in article)
    return len(article) >= LONG_ARTICLE and LONG_ARTICLE_DIGITS <= digits < len(article)
