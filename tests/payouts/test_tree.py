"""The tree of hashes: every path leads to the root, nothing else does, and SQL builds the same tree."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from payouts import tree

NUMBERS = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [tree.leaf(sha256(b"salt%d" % number).digest(), f"row {number}") for number in range(count)]


def split(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it: by the largest power of two that is smaller."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + split(hashes[:half]) + split(hashes[half:])).digest()


@given(NUMBERS)
def test_the_root_is_that_of_the_standard(count):
    assert tree.root(b"".join(leaves(count))) == split(leaves(count))


def test_the_root_over_nothing_is_that_of_the_standard():
    assert tree.root(b"") == sha256(b"").digest()


@given(st.data(), NUMBERS)
def test_every_path_leads_to_the_root(data, count):
    places = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    known = leaves(count)

    path = tree.path(b"".join(known), places)

    assert tree.root_by_path(count, {place: known[place] for place in places}, path) == split(known)
    assert not set(path) & {known[place] for place in places}


@given(st.data(), st.integers(2, 70))
def test_a_changed_leaf_leads_elsewhere(data, count):
    places = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    known = leaves(count)
    path = tree.path(b"".join(known), places)
    changed = data.draw(st.sampled_from(sorted(places)))
    own = {place: known[place] for place in places} | {changed: tree.leaf(bytes(32), "another row")}

    assert tree.root_by_path(count, own, path) != split(known)


@given(st.data(), st.integers(2, 70))
def test_a_changed_path_leads_elsewhere(data, count):
    place = data.draw(st.integers(0, count - 1))
    known = leaves(count)
    path = tree.path(b"".join(known), [place])
    path[data.draw(st.integers(0, len(path) - 1))] = bytes(32)

    assert tree.root_by_path(count, {place: known[place]}, path) != split(known)


@given(st.data(), st.integers(2, 70))
def test_a_path_that_is_too_short_or_too_long_is_refused(data, count):
    place = data.draw(st.integers(0, count - 1))
    known = leaves(count)
    path = tree.path(b"".join(known), [place])

    for wrong in (path[:-1], [*path, bytes(32)]):
        with pytest.raises(tree.PathWrong):
            tree.root_by_path(count, {place: known[place]}, wrong)


@pytest.mark.parametrize("places", [{}, {-1: bytes(32)}, {3: bytes(32)}])
def test_a_place_outside_the_tree_is_refused(places):
    with pytest.raises(tree.PathWrong):
        tree.root_by_path(3, places, [])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 33, 1000])
async def test_sql_builds_the_same_tree(ledger_db, count):
    known = b"".join(leaves(count))

    row = await ledger_db.call(text("SELECT ledger_root(:leaves) AS root"), leaves=known)

    assert row.root == tree.root(known)
