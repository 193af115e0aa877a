"""Words that a promo code must not contain."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scanning.codes import symbols

PACKAGED = Path(__file__).with_name("forbidden.txt")


def is_forbidden(code: str, extra: Path | None = None) -> bool:
    """Whether a folded code contains a word of the packaged list or of the installation's file.

    Raises:
        OSError: the installation's file cannot be read.
    """
    return _forbidden_pattern(extra).search(code) is not None


@cache
def _forbidden_pattern(extra: Path | None) -> re.Pattern[str]:
    words = {word for path in (PACKAGED, extra) if path for word in _read_words(path)}
    return re.compile("|".join(sorted(words)))


def _read_words(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        word = line.strip()
        if word and not word.startswith("#"):
            folded = re.escape(symbols.fold(word.removeprefix("=")))
            yield rf"^{folded}[0-9]*$" if word.startswith("=") else folded
