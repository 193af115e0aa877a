"""A tree of hashes over rows (RFC 6962, 2.1): its root, and a path that proves some leaves and shows no other row.

Hashes have 32 bytes; those of a level stand one after another. Pure: what SQL does to seal, Python does to prove.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

WIDE = 32


class PathWrong(ValueError):
    """A path is too short or too long for the tree and the leaves that it should prove."""


def leaf(salt: bytes, line: str) -> bytes:
    """The leaf of a row: `salt`, 32 bytes, keeps it from being guessed."""
    return sha256(b"\x00" + salt + line.encode()).digest()


def seal(previous: bytes, root: bytes, upto: int, rows: int) -> bytes:
    """The hash of a seal: over the seal before, the root over its rows, the last row's id and how many there are."""
    return sha256(previous + root + upto.to_bytes(8, "big") + rows.to_bytes(8, "big")).digest()


def root(leaves: bytes) -> bytes:
    """The root over leaves."""
    level = leaves
    while len(level) > WIDE:
        level = _above(level)
    return level or sha256().digest()


def path(leaves: bytes, places: Iterable[int]) -> list[bytes]:
    """What must be known besides the leaves at some places (from 0) to reach the root: level by level from the leaves
    up, from left to right, each neighbour that does not follow from what is known."""
    level, known, found = leaves, sorted(set(places)), []
    while len(level) > WIDE:
        mine = set(known)
        for place in known:
            beside = place ^ 1
            if beside not in mine and beside * WIDE < len(level):
                found.append(level[beside * WIDE : (beside + 1) * WIDE])
        level, known = _above(level), sorted({place // 2 for place in known})
    return found


def root_by_path(rows: int, leaves: Mapping[int, bytes], path: Iterable[bytes]) -> bytes:
    """The root that follows from some leaves by their places among so many rows, and from a path.

    Raises:
        PathWrong: a place is not among the rows, no leaf is known, or the path is not one for these places.
    """
    if not leaves or min(leaves) < 0 or max(leaves) >= rows:
        raise PathWrong("places are not among the rows")
    level, given = dict(sorted(leaves.items())), iter(path)
    while rows > 1:
        level, rows = dict(_pairs(level, rows, given)), (rows + 1) // 2
    if next(given, None) is not None:
        raise PathWrong("the path is too long")
    return level[0]


def _pairs(level: Mapping[int, bytes], rows: int, given: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The known hashes of the level above."""
    for place, own in level.items():
        beside = place ^ 1
        if beside in level:
            if place < beside:
                yield place // 2, _node(own, level[beside])
        elif beside >= rows:
            yield place // 2, own
        else:
            other = next(given, None)
            if other is None:
                raise PathWrong("the path is too short")
            yield place // 2, _node(own, other) if place < beside else _node(other, own)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _above(level: bytes) -> bytes:
    """The level above; a last hash without a neighbour goes up as it is."""
    whole = len(level) - len(level) % (2 * WIDE)
    nodes = [sha256(b"\x01" + level[at : at + 2 * WIDE]).digest() for at in range(0, whole, 2 * WIDE)]
    return b"".join(nodes) + level[whole:]
