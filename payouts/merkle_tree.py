"""A hash tree over rows (RFC 6962, 2.1): its root, and a path that proves some leaves without showing other rows.

Hashes have 32 bytes; the hashes of a level are concatenated. Pure: Python verifies what SQL computes for a checkpoint.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

HASH_BYTES = 32


class PathInvalid(ValueError):
    """A path is too short or too long for the tree and the leaves that it should prove."""


def leaf_hash(salt: bytes, line: str) -> bytes:
    """The leaf of a row. `salt` has 32 bytes and keeps the leaf from being guessed."""
    return sha256(b"\x00" + salt + line.encode()).digest()


def checkpoint_hash(previous: bytes, root: bytes, through_id: int, row_count: int) -> bytes:
    """The hash of a checkpoint: over the previous hash, the root of its rows, the last row's id and the row count."""
    return sha256(previous + root + through_id.to_bytes(8, "big") + row_count.to_bytes(8, "big")).digest()


def root_hash(leaves: bytes) -> bytes:
    """The root over leaves."""
    level = leaves
    while len(level) > HASH_BYTES:
        level = _level_above(level)
    return level or sha256().digest()


def proof_path(leaves: bytes, positions: Iterable[int]) -> list[bytes]:
    """The hashes that are needed beside the leaves at some positions (from 0) to compute the root.

    They are ordered by level from the leaves up, and from left to right: each neighbour that cannot be computed.
    """
    level, computed, path = leaves, sorted(set(positions)), []
    while len(level) > HASH_BYTES:
        on_level = set(computed)
        for position in computed:
            neighbour = position ^ 1
            if neighbour not in on_level and neighbour * HASH_BYTES < len(level):
                path.append(level[neighbour * HASH_BYTES : (neighbour + 1) * HASH_BYTES])
        level, computed = _level_above(level), sorted({position // 2 for position in computed})
    return path


def root_from_path(row_count: int, leaves: Mapping[int, bytes], path: Iterable[bytes]) -> bytes:
    """The root that follows from some leaves by position and from a path, in a tree of `row_count` leaves.

    Raises:
        PathInvalid: a position is outside the tree, no leaf is given, or the path does not fit these positions.
    """
    if not leaves or min(leaves) < 0 or max(leaves) >= row_count:
        raise PathInvalid("positions are not among the rows")
    level, rest, width = dict(sorted(leaves.items())), iter(path), row_count
    while width > 1:
        level, width = dict(_computed_above(level, width, rest)), (width + 1) // 2
    if next(rest, None) is not None:
        raise PathInvalid("the path is too long")
    return level[0]


def _computed_above(level: Mapping[int, bytes], width: int, path: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The hashes of the level above that can be computed, by position."""
    for position, own in level.items():
        neighbour = position ^ 1
        if neighbour in level:
            if position < neighbour:
                yield position // 2, _hash_node(own, level[neighbour])
        elif neighbour >= width:
            yield position // 2, own
        else:
            other = next(path, None)
            if other is None:
                raise PathInvalid("the path is too short")
            yield position // 2, _hash_node(own, other) if position < neighbour else _hash_node(other, own)


def _hash_node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _level_above(level: bytes) -> bytes:
    """The level above; a last hash without a neighbour moves up unchanged."""
    paired = len(level) - len(level) % (2 * HASH_BYTES)
    nodes = [sha256(b"\x01" + level[at : at + 2 * HASH_BYTES]).digest() for at in range(0, paired, 2 * HASH_BYTES)]
    return b"".join(nodes) + level[paired:]
