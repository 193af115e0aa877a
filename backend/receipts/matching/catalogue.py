"""The index over a catalogue: from a line to the few products it may mean."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from math import log

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import DamerauLevenshtein

from backend.receipts.matching import articles, decide, names
from backend.receipts.matching.entry import Entry, Match
from backend.receipts.matching.parts import said
from backend.receipts.matching.weighing import weigh

SHORTLIST, CLOSE = 200, 32
UNKNOWN_WEIGHT, LEAST_WEIGHT = 9.0, 0.1
FOREIGN_LETTERS, LONG_BRAND = 4, 7
# A line as long as this may have been cut by the till: 30 to 40 signs are usual, some count a price in.
CUT_LENGTH = 26


class Catalogue:
    """An immutable index; build it anew when the products change."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._texts = [names.key(" ".join((entry.brand, *entry.names))) for entry in self._entries]
        self._features: dict[str, int] = {}
        self._starts, self._owners = self._postings()
        self._by_gtin = grouped((articles.gtin14(entry.gtin), at) for at, entry in enumerate(self._entries))
        self._by_article = grouped(
            (names.article_key(article), at) for at, entry in enumerate(self._entries) for article in entry.articles
        )
        self._by_name = grouped((names.key(name), at) for at, entry in enumerate(self._entries) for name in entry.names)
        self._sorted_articles, self._sorted_names = sorted(self._by_article), sorted(self._by_name)
        brands = {entry.brand for entry in self._entries}
        self._brands = {spelling: brand for brand in brands for spelling in names.brand_keys(brand)}
        self._long_brands: dict[str, list[str]] = {}
        for spelling in self._brands:
            if len(spelling) >= LONG_BRAND:
                self._long_brands.setdefault(spelling[0], []).append(spelling)
        self._words = {word for text in self._texts for word in text.split()}
        self._longest_brand = max((len(spelling.split()) for spelling in self._brands), default=0)

    def match(self, name: str, gtin: str | None = None) -> Match:
        """The product that a receipt's line means, if it can be told.

        Args:
            name: the line's wording as the till printed it.
            gtin: of 8 to 14 digits, or None; one that fails its check digit counts as none.
        """
        lead, plain = names.unlead(name)
        parts, cut = said(plain), is_cut(name)
        number = articles.gtin14(gtin) or articles.gtin14(lead)
        by_gtin, by_name = self._by_gtin.get(number, ()), self._named(plain, cut)
        by_article = self._articled(plain, lead, cut)
        last_code = names.RUN.findall(names.fold(plain))[-1] if cut else ""
        places = dict.fromkeys((*by_gtin, *by_name, *chain(*by_article.values()), *self._near(plain)))
        line = decide.Line(
            gtin=number,
            brands=frozenset(self._brands_in(plain)),
            foreign=any(len(word) >= FOREIGN_LETTERS and not self._knows(word) for word in parts.words),
            by_gtin=by_gtin,
            by_name=by_name,
            by_article=by_article,
            held=tuple(weigh(at, self._entries[at], parts, last_code, self._weight) for at in places),
        )
        return decide.decide(line, self._entries)

    def _weight(self, word: str) -> float:
        """How telling a word is: more for a rarer one."""
        for part in reversed(features(word)):
            if part in self._features:
                return self._rareness(self._features[part])
        return UNKNOWN_WEIGHT

    def _rareness(self, feature: int) -> float:
        count = int(self._starts[feature + 1] - self._starts[feature])
        return log((len(self._entries) + 1) / count) + LEAST_WEIGHT

    def _knows(self, word: str) -> bool:
        """Whether any product has a word that begins so."""
        return all(part in self._features for part in features(word))

    def _postings(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """For each feature the products that have it, one after the other: where each begins, and the products."""
        kinds, owners = array("i"), array("i")
        for at, text in enumerate(self._texts):
            found = {part for word in names.RUN.findall(text) for part in features(word)}
            kinds.extend(self._features.setdefault(part, len(self._features)) for part in found)
            owners.extend([at] * len(found))
        kinds_array = np.frombuffer(kinds, dtype=np.int32) if kinds else np.zeros(0, dtype=np.int32)
        order = np.argsort(kinds_array, kind="stable")
        starts = np.searchsorted(kinds_array[order], np.arange(len(self._features) + 1))
        return starts, np.array(owners, dtype=np.int32)[order]

    def _near(self, name: str) -> tuple[int, ...]:
        """The few products whose wording comes nearest."""
        plain = names.key(name)
        scores = np.zeros(len(self._entries), dtype=np.float32)
        for part in {part for word in names.RUN.findall(plain) for part in features(word)}:
            feature = self._features.get(part)
            if feature is not None:
                start, end = self._starts[feature], self._starts[feature + 1]
                scores[self._owners[start:end]] += self._rareness(feature)
        many = min(SHORTLIST, int(np.count_nonzero(scores)))
        if not many:
            return ()
        best = np.argpartition(scores, -many)[-many:]
        texts = {int(at): self._texts[at] for at in best}
        close = process.extract(plain, texts, scorer=fuzz.token_set_ratio, limit=CLOSE, score_cutoff=30)
        return tuple(at for _, _, at in close)

    def _named(self, name: str, cut: bool) -> tuple[int, ...]:
        """The products with exactly this name, none if a longer one may have been cut to it."""
        plain = names.key(name)
        if cut and longer(self._sorted_names, plain):
            return ()
        return self._by_name.get(plain, ())

    def _articled(self, name: str, lead: str, cut: bool) -> dict[str, tuple[int, ...]]:
        """The articles found in a name, with the products that bear them; the longest ones only."""
        texts = list(articles.inside(name, self._by_article.__contains__))
        if lead in self._by_article:
            texts.append(lead)
        last = names.article_key(name[-24:])
        return {
            text: self._by_article[text]
            for text in texts
            if not (cut and last.endswith(text) and longer(self._sorted_articles, text))
        }

    def _brands_in(self, name: str) -> Iterator[str]:
        """The makers that a name names, not those whose goods it is only meant for."""
        for text in names.brand_keys(name):
            words = text.split()
            for start in range(len(words)):
                if start and words[start - 1] in names.MEANT_FOR:
                    continue
                for end in range(start + 1, min(start + self._longest_brand, len(words)) + 1):
                    brand = self._brand(" ".join(words[start:end]))
                    if brand:
                        yield brand

    def _brand(self, words: str) -> str:
        """The maker of this name; a long name may have one typing error if no product has such a word."""
        brand = self._brands.get(words, "")
        if brand or len(words) < LONG_BRAND - 1 or words in self._words:
            return brand
        near = [
            text
            for text in self._long_brands.get(words[0], ())
            if DamerauLevenshtein.distance(words, text, score_cutoff=1) == 1
        ]
        return self._brands[near[0]] if len({self._brands[text] for text in near}) == 1 else ""


def is_cut(name: str) -> bool:
    """Whether a till may have cut this line short."""
    return len(name.rstrip()) >= CUT_LENGTH and name.rstrip()[-1].isalnum()


def features(word: str) -> tuple[str, ...]:
    """What a word is looked up by: its beginnings, so that cut and bent words still meet; a number whole."""
    if len(word) < 3 or not word.isalpha():
        return (word,)
    return (word[:3] + "*", word[:5] + "*") if len(word) > 4 else (word[:3] + "*",)


def grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Each key's products, once each, in order; the empty key is left out."""
    groups: dict[str, tuple[int, ...]] = {}
    for text, at in pairs:
        have = groups.get(text, ())
        if text and at not in have:
            groups[text] = (*have, at)
    return groups


def longer(texts: list[str], start: str) -> bool:
    """Whether a sorted list has a text that goes on after this beginning."""
    at = bisect_right(texts, start)
    return at < len(texts) and texts[at].startswith(start)
