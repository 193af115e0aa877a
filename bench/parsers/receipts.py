"""Receipts a second that the parser reads on one core, beside a bare urllib.parse.parse_qs in the same run.

`python -m bench.parsers.receipts` prints both and the ratio.
"""

import random
import sys
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from scanning.receipts import receipt

COUNT, ROUNDS = 20_000, 7
MOST_SLOWER = 5.0


def parser_speed() -> tuple[float, float]:
    """Receipts a second by us, and by parse_qs alone, which checks nothing. Best of alternating rounds."""
    texts = _texts(COUNT)
    ours, theirs = float("inf"), float("inf")
    for _ in range(ROUNDS):
        ours = min(ours, _seconds(receipt.read, texts))
        theirs = min(theirs, _seconds(parse_qs, texts))
    return COUNT / ours, COUNT / theirs


def forgiving_speed() -> float:
    """Receipts a second where every text needs the long way: other order, comma, HTML."""
    texts = [f"n=1&amp;{text[:-4].replace('.', ',')}" for text in _texts(COUNT)]
    return COUNT / min(_seconds(receipt.read, texts) for _ in range(ROUNDS))


def _texts(count: int) -> list[str]:
    """As tills print them: a third with seconds."""
    chance = random.Random(4)
    digits = chance.randint
    return [
        f"t=2026{digits(1, 12):02}{digits(1, 28):02}T{digits(0, 23):02}{digits(0, 59):02}"
        f"{chance.choice(['00', '', ''])}&s={digits(1, 9999)}.{digits(0, 99):02}&fn={digits(10**15, 10**16 - 1)}"
        f"&i={digits(1, 250_000)}&fp={digits(1, 2**32 - 1)}&n=1"
        for _ in range(count)
    ]


def _seconds(read: Callable[[str], object], texts: list[str]) -> float:
    begun = time.perf_counter()
    for text in texts:
        read(text)
    return time.perf_counter() - begun


if __name__ == "__main__":
    ours, theirs = parser_speed()
    ratio = theirs / ours
    print(
        f"{'ok  ' if ratio <= MOST_SLOWER else 'MISS'} receipts/s {ours:,.0f}, parse_qs/s {theirs:,.0f}, "
        f"parse_qs to us {ratio:.2f} (<= {MOST_SLOWER}); the long way {forgiving_speed():,.0f}/s"
    )
    sys.exit(0 if ratio <= MOST_SLOWER else 1)
