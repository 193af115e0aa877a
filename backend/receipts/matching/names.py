"""A shop's wording made plain: case, look-alike letters, spaces and signs folded away."""

import re
import unicodedata

# Cyrillic letters and the Latin ones that a till's typist puts in their place (either way): the Latin one stands for both.
LOOKALIKES = str.maketrans("авекмнорстухі", "abekmhopctyxi") | {ord("ё"): "e", ord("й"): "и", ord("×"): "x"}
MEANINGLESS = re.compile(r"[^0-9a-zа-я.,/+%-]+|(?<![0-9])[.,/+%-]+|[.,/+-]+(?![0-9])")


def fold(text: str) -> str:
    """Lower case, composed, look-alike letters of both alphabets made one; length may change."""
    return unicodedata.normalize("NFKC", text).casefold().translate(LOOKALIKES)


def key(name: str) -> str:
    """A shop's wording normalised: under it a reviewer's choice becomes an alias for that shop.

    Signs stay only between digits, where they tell 1/2 from 12. Empty for a name without letters and digits.
    """
    return " ".join(MEANINGLESS.sub(" ", fold(name)).replace(",", ".").split())
