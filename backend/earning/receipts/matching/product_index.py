"""The index over a catalogue: finds the few products that a line may mean."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from math import log

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import DamerauLevenshtein

from backend.earning.receipts.matching import articles, decision, names
from backend.earning.receipts.matching.line_parser import parse_name
from backend.earning.receipts.matching.match import CatalogueProduct, Match
from backend.earning.receipts.matching.similarity import score_product

SHORTLIST, MAX_NEAR = 200, 32
UNKNOWN_WEIGHT, MIN_WEIGHT = 9.0, 0.1
UNKNOWN_WORD_LENGTH, LONG_BRAND_LENGTH = 4, 7
# A till may have truncated a line of this length: the limit is usually 30 to 40 characters, sometimes with the price.
TRUNCATION_LENGTH = 26


class Catalogue:
    """An immutable index; build a new one when the products change."""

    def __init__(self, products: Iterable[CatalogueProduct]) -> None:
        self._products = tuple(products)
        self._texts = [
            names.wording_key(" ".join((*product.maker_names, *product.names))) for product in self._products
        ]
        self._features: dict[str, int] = {}
        self._starts, self._owners = self._build_postings()
        self._by_gtin = group_by_key(
            (articles.normalize_gtin(product.gtin), at) for at, product in enumerate(self._products)
        )
        self._by_article = group_by_key(
            (names.article_key(article), at)
            for at, product in enumerate(self._products)
            for article in product.articles
        )
        self._by_name = group_by_key(
            (names.wording_key(name), at) for at, product in enumerate(self._products) for name in product.names
        )
        self._exact = {
            (names.wording_key(name), at) for at, product in enumerate(self._products) for name in product.exact
        }
        self._sorted_articles, self._sorted_names = sorted(self._by_article), sorted(self._by_name)
        self._brands = frozenset(spelling for product in self._products for spelling in product.makers)
        self._long_brands: dict[str, list[str]] = {}
        for spelling in self._brands:
            if len(spelling) >= LONG_BRAND_LENGTH:
                self._long_brands.setdefault(spelling[0], []).append(spelling)
        self._words = {word for text in self._texts for word in text.split()}
        self._longest_brand = max((len(spelling.split()) for spelling in self._brands), default=0)

    def match(self, name: str, gtin: str | None = None) -> Match:
        """The product that a receipt line means, if it can be decided.

        Args:
            name: the line's wording as the till printed it.
            gtin: 8 to 14 digits, or None; one with a wrong check digit is ignored.
        """
        lead, plain = names.split_lead(name)
        parts, truncated = parse_name(plain), may_be_truncated(name)
        number = articles.normalize_gtin(gtin) or articles.normalize_gtin(lead)
        by_gtin, by_name = self._by_gtin.get(number, ()), self._by_exact_name(plain, truncated)
        by_article = self._by_articles(plain, lead, truncated)
        last_code = names.RUN.findall(names.fold_text(plain))[-1] if truncated else ""
        places = dict.fromkeys((*by_gtin, *by_name, *chain(*by_article.values()), *self._similar_products(plain)))
        line = decision.LineEvidence(
            gtin=number,
            brands=frozenset(self._brands_in(plain)),
            foreign=any(len(word) >= UNKNOWN_WORD_LENGTH and not self._knows_word(word) for word in parts.words),
            by_gtin=by_gtin,
            by_name=by_name,
            exact=frozenset(at for at in by_name if (names.wording_key(plain), at) in self._exact),
            by_article=by_article,
            scores=tuple(score_product(at, self._products[at], parts, last_code, self._word_weight) for at in places),
        )
        return decision.decide_match(line, self._products)

    def _word_weight(self, word: str) -> float:
        """The weight of a word: more for a rarer one."""
        for part in reversed(word_features(word)):
            if part in self._features:
                return self._feature_rareness(self._features[part])
        return UNKNOWN_WEIGHT

    def _feature_rareness(self, feature: int) -> float:
        count = int(self._starts[feature + 1] - self._starts[feature])
        return log((len(self._products) + 1) / count) + MIN_WEIGHT

    def _knows_word(self, word: str) -> bool:
        """Whether any product has a word with this prefix."""
        return all(part in self._features for part in word_features(word))

    def _build_postings(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """An inverted index: where the products of each feature start, and the products in the order of features."""
        kinds, owners = array("i"), array("i")
        for at, text in enumerate(self._texts):
            found = {part for word in names.RUN.findall(text) for part in word_features(word)}
            kinds.extend(self._features.setdefault(part, len(self._features)) for part in found)
            owners.extend([at] * len(found))
        kinds_array = np.frombuffer(kinds, dtype=np.int32) if kinds else np.zeros(0, dtype=np.int32)
        order = np.argsort(kinds_array, kind="stable")
        starts = np.searchsorted(kinds_array[order], np.arange(len(self._features) + 1))
        return starts, np.array(owners, dtype=np.int32)[order]

    def _similar_products(self, name: str) -> tuple[int, ...]:
        """The few products with the most similar wording."""
        plain = names.wording_key(name)
        scores = np.zeros(len(self._products), dtype=np.float32)
        for part in {part for word in names.RUN.findall(plain) for part in word_features(word)}:
            feature = self._features.get(part)
            if feature is not None:
                start, end = self._starts[feature], self._starts[feature + 1]
                scores[self._owners[start:end]] += self._feature_rareness(feature)
        many = min(SHORTLIST, int(np.count_nonzero(scores)))
        if not many:
            return ()
        best = np.argpartition(scores, -many)[-many:]
        texts = {int(at): self._texts[at] for at in best}
        close = process.extract(plain, texts, scorer=fuzz.token_set_ratio, limit=MAX_NEAR, score_cutoff=30)
        return tuple(at for _, _, at in close)

    def _by_exact_name(self, name: str, truncated: bool) -> tuple[int, ...]:
        """The products with exactly this name; none if a longer name may have been truncated to it."""
        plain = names.wording_key(name)
        if truncated and has_longer_text(self._sorted_names, plain):
            return ()
        return self._by_name.get(plain, ())

    def _by_articles(self, name: str, lead: str, truncated: bool) -> dict[str, tuple[int, ...]]:
        """The articles found in a name, with the products that have them; the longest ones only."""
        texts = list(articles.find_articles(name, self._by_article.__contains__))
        if lead in self._by_article:
            texts.append(lead)
        last = names.article_key(name[-24:])
        return {
            text: self._by_article[text]
            for text in texts
            if not (truncated and last.endswith(text) and has_longer_text(self._sorted_articles, text))
        }

    def _brands_in(self, name: str) -> Iterator[str]:
        """The makers that a name contains, the longest where they overlap, without those after "for"."""
        for text in names.brand_keys(name):
            words, after = text.split(), 0
            for start in range(len(words)):
                if start < after or (start and words[start - 1] in names.MEANT_FOR):
                    continue
                for end in range(min(start + self._longest_brand, len(words)), start, -1):
                    brand = self._find_brand(" ".join(words[start:end]))
                    if brand:
                        yield brand
                        after = end
                        break

    def _find_brand(self, words: str) -> str:
        """The maker with this name, or "". A long name may have a typing error if no product has such a word."""
        if words in self._brands:
            return words
        if len(words) < LONG_BRAND_LENGTH - 1 or words in self._words:
            return ""
        near = [
            text
            for text in self._long_brands.get(words[0], ())
            if DamerauLevenshtein.distance(words, text, score_cutoff=1) == 1
        ]
        return near[0] if len(near) == 1 else ""


def may_be_truncated(name: str) -> bool:
    """Whether a till may have truncated this line."""
    return len(name.rstrip()) >= TRUNCATION_LENGTH and name.rstrip()[-1].isalnum()


def word_features(word: str) -> tuple[str, ...]:
    """The index keys of a word: its prefixes, so that truncated and inflected words match; numbers whole."""
    if len(word) < 3 or not word.isalpha():
        return (word,)
    return (word[:3] + "*", word[:5] + "*") if len(word) > 4 else (word[:3] + "*",)


def group_by_key(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """The products of each key, once each, in order; the empty key is left out."""
    groups: dict[str, tuple[int, ...]] = {}
    for text, at in pairs:
        have = groups.get(text, ())
        if text and at not in have:
            groups[text] = (*have, at)
    return groups


def has_longer_text(texts: list[str], start: str) -> bool:
    """Whether a sorted list has a longer text with this prefix."""
    at = bisect_right(texts, start)
    return at < len(texts) and texts[at].startswith(start)
