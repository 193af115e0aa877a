"""Words that no promo code may hold."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from backend.promocodes import spelling

PACKAGED = Path(__file__).with_name("forbidden.txt")


def is_forbidden(code: str, extra: Path | None = None) -> bool:
    """Whether a folded code holds a word of our list, or of the installation's own file.

    Raises:
        OSError: the installation's file cannot be read.
    """
    return _pattern(extra).search(code) is not None


@cache
def _pattern(extra: Path | None) -> re.Pattern[str]:
    words = {word for path in (PACKAGED, extra) if path for word in _words(path)}
    return re.compile("|".join(sorted(words)))


def _words(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        word = line.strip()
        if word and not word.startswith("#"):
            folded = re.escape(spelling.fold(word.removeprefix("=")))
            yield rf"^{folded}[0-9]*$" if word.startswith("=") else folded
