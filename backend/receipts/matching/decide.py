"""The decision: GTIN, exact name, article, words, in this order; sure only when no other product fits as well."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from backend.receipts.matching import articles
from backend.receipts.matching.entry import Entry, How, Match
from backend.receipts.matching.weighing import SOFT, Weighed, kind_of

# Below this nothing comes near, and a reviewer is shown nothing.
NEAR = 0.3
LEAST_SHARE, LEAST_COVER = 0.65, 0.45
NAMELESS_SHARE, NAMELESS_COVER = 0.95, 0.95
LONG_WORD = 4
LONG_ARTICLE, LONG_ARTICLE_DIGITS = 6, 3
# Others within this much of the best score must be told apart by the line itself.
RIVAL_GAP = 0.35
# Products of the same maker within this much show in what its variants differ.
KIN_GAP = 0.3
MOST_CANDIDATES = 5


class Line(msgspec.Struct, frozen=True):
    """A receipt's line as the decision sees it, with what the index holds for it, as places in the catalogue."""

    gtin: str  # 14 digits, "" for none
    brands: frozenset[str]  # makers of this catalogue that it names
    foreign: bool  # it has a word that no product of this catalogue has
    by_gtin: tuple[int, ...]
    by_name: tuple[int, ...]
    by_article: Mapping[str, tuple[int, ...]]
    held: tuple[Weighed, ...]  # every product that came near, held against it


class Pick(msgspec.Struct, frozen=True):
    """A product found by one of the rules."""

    held: Weighed
    how: How
    score: float
    sure: bool


def decide(line: Line, entries: Sequence[Entry]) -> Match:
    """The first rule that is sure decides; else a person does, from what the rules have found."""
    ranked = sorted(line.held, key=lambda held: (held.contradicts, -held.score, entries[held.at].product_id))
    picks = [pick for rule in (by_gtin, by_name, by_article) for pick in rule(line, entries)]
    if not any(pick.sure for pick in picks) and ranked and ranked[0].score >= NEAR:
        picks.append(by_words(line, ranked, entries))
    best = next((pick for pick in picks if pick.sure), picks[0] if picks else None)
    order = dict.fromkeys([*(pick.held for pick in ([best] if best else []) + picks), *ranked])
    candidates = tuple(
        (entries[held.at].product_id, round(best.score if best and held is best.held else held.score, 4))
        for held in order
        if held.score >= NEAR or (best and held is best.held)
    )[:MOST_CANDIDATES]
    if best is None:
        return Match(None, "none", 0.0, sure=False, candidates=candidates)
    return Match(entries[best.held.at].product_id, best.how, round(best.score, 4), best.sure, candidates)


def by_gtin(line: Line, entries: Sequence[Entry]) -> Iterator[Pick]:
    """The GTIN names one product; a name that says otherwise makes it a person's matter."""
    held = {held.at: held for held in line.held}
    for at in line.by_gtin:
        sure = (
            len(line.by_gtin) == 1
            and not held[at].contradicts
            and entries[at].brand in (line.brands or {entries[at].brand})
        )
        yield Pick(held[at], "gtin", 1.0 if sure else held[at].score, sure)


def by_name(line: Line, entries: Sequence[Entry]) -> Iterator[Pick]:
    """Word for word a name of one product, which must name the maker too: others write the same without it."""
    held = {held.at: held for held in line.held}
    for at in line.by_name:
        sure = len(line.by_name) == 1 and fits(line, held[at], entries[at]) and is_makers(line, entries[at])
        yield Pick(held[at], "alias", 1.0 if sure else held[at].score, sure)


def by_article(line: Line, entries: Sequence[Entry]) -> Iterator[Pick]:
    """An article of one product, in a line that speaks of the same thing."""
    held = {held.at: held for held in line.held}
    found = {at for products in line.by_article.values() for at in products}
    for text, products in line.by_article.items():
        for at in products:
            same_thing = any(part.startswith("~") for part in held[at].explained)
            trusted = is_makers(line, entries[at]) or (is_long(text) and not line.foreign and not strangers(held[at]))
            sure = len(found) == 1 and same_thing and trusted and fits(line, held[at], entries[at])
            yield Pick(held[at], "article", 0.99 if sure else held[at].score, sure)


def by_words(line: Line, ranked: Sequence[Weighed], entries: Sequence[Entry]) -> Pick:
    """The product that the words tell: all that sets it apart from its neighbours must have been said."""
    best = ranked[0]
    entry = entries[best.at]
    # Another maker's product is told apart by the maker's name, which the line has or nothing is sure.
    rivals = [held for held in ranked[1:] if entries[held.at].brand in ("", entry.brand)]
    least = (LEAST_SHARE, LEAST_COVER) if entry.brand else (NAMELESS_SHARE, NAMELESS_COVER)
    kin = [held for held in ranked if entries[held.at].brand == entry.brand and held.score >= best.score - KIN_GAP]
    sure = (
        fits(line, best, entry)
        and is_makers(line, entry)
        and best.share >= least[0]
        and best.cover >= least[1]
        and not any(part.startswith("#") or is_hard(part) for part in best.unexplained)
        and not any(is_hard(part) and varies(part, best, kin) for part in best.unsaid)
        and all(is_told_apart(best, rival) for rival in rivals if rival.score >= best.score - RIVAL_GAP)
    )
    return Pick(best, "fuzzy" if best.bent else "tokens", best.score, sure)


def fits(line: Line, held: Weighed, entry: Entry) -> bool:
    """Whether nothing in the line speaks against a product: no other value, maker or GTIN, and no part of it only."""
    own = articles.gtin14(entry.gtin)
    if any(kind_of(part) == "part" for part in held.unexplained):
        return False
    return not held.contradicts and line.brands <= {entry.brand} and not (line.gtin and own and line.gtin != own)


def is_makers(line: Line, entry: Entry) -> bool:
    """Whether the line names the product's maker, if it has one."""
    return not entry.brand or entry.brand in line.brands


def strangers(held: Weighed) -> bool:
    """Whether the line has a word that the product hasn't: it may be another maker's name."""
    return any(part.startswith("~") and len(part) > LONG_WORD for part in held.unexplained)


def is_told_apart(best: Weighed, rival: Weighed) -> bool:
    """Whether the line says something that only the best has, and nothing that only the rival has."""
    return rival.contradicts or best.explained > rival.explained


def varies(part: str, best: Weighed, kin: Sequence[Weighed]) -> bool:
    """Whether the maker's like products differ in this attribute's kind."""
    kind = kind_of(part)
    own = {text for text in best.attributes if kind_of(text) == kind}
    return any({text for text in held.attributes if kind_of(text) == kind} not in (own, set()) for held in kin)


def is_hard(part: str) -> bool:
    """Whether a part is an attribute that makes a variant."""
    return "=" in part and kind_of(part) not in SOFT


def is_long(article: str) -> bool:
    """Whether an article is so peculiar that another maker hardly has it too."""
    digits = sum(sign.isdigit() for sign in article)
    return len(article) >= LONG_ARTICLE and LONG_ARTICLE_DIGITS <= digits < len(article)
