"""A shop's wording made plain: case, look-alike letters, spaces and signs folded away."""

import re
import unicodedata

# Cyrillic letters and the Latin ones that typists put in their place, either way: the Latin one stands for both.
LOOKALIKES = str.maketrans("авекмнорстухі", "abekmhopctyxi") | {ord("ё"): "e", ord("й"): "и", ord("×"): "x"}
# In an article even these are mixed up; in a sentence they are not.
ARTICLE_LOOKALIKES = str.maketrans("oз", "03")
MEANINGLESS = re.compile(r"[^0-9a-zа-я.,/+%-]+|(?<![0-9])[.,/+%-]+|[.,/+-]+(?![0-9])")
RUN = re.compile(r"[0-9a-zа-я]+")
# What a shop puts before the name: signs, its own article, an EAN, the place in the list.
LEAD = re.compile(
    r"^[\s*~#№.]*(?:\[[^\]]{1,14}\][\s,.]*)?(?:[0-9]{1,2}/[0-9]{1,2}\s+(?=[0-9]{5}))?(?:([0-9]{5,14})\*?(?=\s)[\s,]*)?[\s*~,.]*"
)
SOUNDS = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэё", "abvgdeziiklmnoprstufyee", strict=True))
    | {"ж": "zh", "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ю": "yu", "я": "ya", "ъ": "", "ь": ""}
)


def fold(text: str) -> str:
    """Lower case, composed, look-alike letters of both alphabets made one; length may change."""
    return unicodedata.normalize("NFKC", text).casefold().translate(LOOKALIKES)


# What stands after one of these is another's: a frame for it, not the thing itself.
MEANT_FOR = frozenset(
    fold(word) for word in ("для", "под", "вместо", "аналог", "dlya", "pod", "vmesto", "analog", "for")
)


def key(name: str) -> str:
    """A shop's wording normalised: under it a reviewer's choice becomes an alias for that shop.

    Signs stay only between digits, where they tell 1/2 from 12. Empty for a name without letters and digits.
    """
    return " ".join(MEANINGLESS.sub(" ", fold(name)).replace(",", ".").split())


def unlead(name: str) -> tuple[str, str]:
    """What a shop puts before the name, digits only ("" for none), and the name without it."""
    found = LEAD.match(name)
    return (found.group(1) or "", name[found.end() :]) if found else ("", name)


def article_key(article: str) -> str:
    """An article without separators, look-alikes folded."""
    return "".join(RUN.findall(fold(article))).translate(ARTICLE_LOOKALIKES)


def brand_keys(brand: str) -> frozenset[str]:
    """The spellings under which a maker is named: as it is, and in Latin letters by sound."""
    spelled = {" ".join(RUN.findall(fold(text))) for text in (brand, brand.casefold().translate(SOUNDS))}
    return frozenset(spelled - {""})
