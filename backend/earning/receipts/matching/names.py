"""Normalisation of a shop's wording: case, look-alike letters, spaces and punctuation."""

import re
import unicodedata
from functools import lru_cache

from scanning import normalization

# Cyrillic letters and Latin look-alikes, which are typed for each other; the Latin letter represents both.
LOOKALIKES = str.maketrans("авекмнорстухі", "abekmhopctyxi") | {ord("ё"): "e", ord("й"): "и", ord("×"): "x"}
# These are confused in articles only.
ARTICLE_LOOKALIKES = str.maketrans("oз", "03")
MEANINGLESS = re.compile(r"[^0-9a-zа-я.,/+%-]+|(?<![0-9])[.,/+%-]+|[.,/+-]+(?![0-9])")
RUN = re.compile(r"[0-9a-zа-я]+")
# A shop's prefix of the name: punctuation, its own article, an EAN, the position in the list.
LEAD = re.compile(
    r"^[\s*~#№.]*(?:\[[^\]]{1,14}\][\s,.]*)?(?:[0-9]{1,2}/[0-9]{1,2}\s+(?=[0-9]{5}))?(?:([0-9]{5,14})\*?(?=\s)[\s,]*)?[\s*~,.]*"
)
SOUNDS = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэё", "abvgdeziiklmnoprstufyee", strict=True))
    | {"ж": "zh", "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ю": "yu", "я": "ya", "ъ": "", "ь": ""}
)


def fold_text(text: str) -> str:
    """Case-fold and compose a text and unify look-alike letters of both alphabets; its length may change."""
    return unicodedata.normalize("NFKC", normalization.remove_invisible(text)).casefold().translate(LOOKALIKES)


# The name after one of these belongs to other goods: a frame for a socket is no socket.
MEANT_FOR = frozenset(
    fold_text(word) for word in ("для", "под", "вместо", "аналог", "dlya", "pod", "vmesto", "analog", "for")
)


# Words in names of companies that are not printed on goods.
LEGAL_FORMS = frozenset(
    fold_text(word)
    for word in (
        "ооо",
        "оао",
        "зао",
        "пао",
        "ао",
        "нао",
        "ип",
        "тоо",
        "чуп",
        "уп",
        "тд",
        "гк",
        "нпо",
        "нпп",
        "пк",
        "пкф",
        "фирма",
        "компания",
        "llc",
        "ltd",
        "inc",
        "corp",
        "gmbh",
        "oy",
        "sro",
        "spa",
        "srl",
        "plc",
    )
)
QUOTED = re.compile(r"[«\"„“]([^«»\"„“”]*[^\W_][^«»\"„“”]*)[»\"“”]")


def wording_key(name: str) -> str:
    """A shop's wording, normalised: the key under which a reviewer's choice is an alias for that shop.

    Punctuation stays only between digits, where it distinguishes 1/2 from 12. "" for a name without letters and digits.
    """
    return " ".join(MEANINGLESS.sub(" ", fold_text(name)).replace(",", ".").split())


def split_lead(name: str) -> tuple[str, str]:
    """The shop's prefix of a name, digits only ("" for none), and the name without it."""
    found = LEAD.match(name)
    return (found.group(1) or "", name[found.end() :]) if found else ("", name)


def article_key(article: str) -> str:
    """An article without separators, look-alikes folded."""
    return "".join(RUN.findall(fold_text(article))).translate(ARTICLE_LOOKALIKES)


def brand_keys(brand: str) -> frozenset[str]:
    """The spellings of a maker's name: as it is, and transliterated to Latin letters."""
    spelled = {" ".join(RUN.findall(fold_text(text))) for text in (brand, brand.casefold().translate(SOUNDS))}
    return frozenset(spelled - {""})


@lru_cache(maxsize=1 << 12)
def maker_name(name: str) -> str:
    """A maker's name as printed on goods: the quoted part of a company's name, without its legal form.

    The whole name if nothing else would be left.
    """
    quoted = QUOTED.findall(name)
    words = (quoted[-1] if quoted else name).split()
    while words and _is_legal_form(words[0]):
        words = words[1:]
    while words and _is_legal_form(words[-1]):
        words = words[:-1]
    return " ".join(words) if any(character.isalnum() for character in "".join(words)) else name


def _is_legal_form(word: str) -> bool:
    plain = "".join(RUN.findall(fold_text(word)))
    return not plain or plain in LEGAL_FORMS


@lru_cache(maxsize=1 << 12)
def maker_spellings(*names: str) -> frozenset[str]:
    """All spellings of one maker's names, without single characters and numbers, which are common in lines."""
    spelled = frozenset().union(*(brand_keys(maker_name(name)) for name in names))
    return frozenset(text for text in spelled if is_identifying_maker(text))


def is_identifying_maker(text: str) -> bool:
    """Whether a text in a line can identify a maker: two characters or more, and not only digits."""
    return len(text) > 1 and any(character.isalpha() for character in text)


@lru_cache(maxsize=1 << 12)
def maker_words(makers: frozenset[str]) -> frozenset[str]:
    """All words of a maker's names, in any spelling."""
    return frozenset(word for maker in makers for word in maker.split())
