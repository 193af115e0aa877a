"""The hash tree: only a valid path leads to the root, and SQL computes the same root."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from payouts import merkle_tree

COUNTS = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [merkle_tree.leaf_hash(sha256(b"salt%d" % number).digest(), f"row {number}") for number in range(count)]


def rfc_root(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it: by the largest power of two that is smaller."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + rfc_root(hashes[:half]) + rfc_root(hashes[half:])).digest()


@given(COUNTS)
def test_root_equals_definition_of_rfc_6962(count):
    assert merkle_tree.root_hash(b"".join(leaves(count))) == rfc_root(leaves(count))


def test_root_of_no_leaves_equals_rfc_6962():
    assert merkle_tree.root_hash(b"") == sha256(b"").digest()


@given(st.data(), COUNTS)
def test_path_of_any_leaves_leads_to_root(data, count):
    positions = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    all_leaves = leaves(count)

    path = merkle_tree.proof_path(b"".join(all_leaves), positions)

    assert merkle_tree.root_from_path(
        count, {position: all_leaves[position] for position in positions}, path
    ) == rfc_root(all_leaves)
    assert not set(path) & {all_leaves[position] for position in positions}


@given(st.data(), st.integers(2, 70))
def test_changed_leaf_gives_another_root(data, count):
    positions = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    all_leaves = leaves(count)
    path = merkle_tree.proof_path(b"".join(all_leaves), positions)
    changed = data.draw(st.sampled_from(sorted(positions)))
    own = {position: all_leaves[position] for position in positions} | {
        changed: merkle_tree.leaf_hash(bytes(32), "another row")
    }

    assert merkle_tree.root_from_path(count, own, path) != rfc_root(all_leaves)


@given(st.data(), st.integers(2, 70))
def test_changed_path_gives_another_root(data, count):
    position = data.draw(st.integers(0, count - 1))
    all_leaves = leaves(count)
    path = merkle_tree.proof_path(b"".join(all_leaves), [position])
    path[data.draw(st.integers(0, len(path) - 1))] = bytes(32)

    assert merkle_tree.root_from_path(count, {position: all_leaves[position]}, path) != rfc_root(all_leaves)


@given(st.data(), st.integers(2, 70))
def test_path_of_wrong_length_is_refused(data, count):
    position = data.draw(st.integers(0, count - 1))
    all_leaves = leaves(count)
    path = merkle_tree.proof_path(b"".join(all_leaves), [position])

    for wrong in (path[:-1], [*path, bytes(32)]):
        with pytest.raises(merkle_tree.PathInvalid):
            merkle_tree.root_from_path(count, {position: all_leaves[position]}, wrong)


@pytest.mark.parametrize("positions", [{}, {-1: bytes(32)}, {3: bytes(32)}])
def test_position_outside_the_tree_is_refused(positions):
    with pytest.raises(merkle_tree.PathInvalid):
        merkle_tree.root_from_path(3, positions, [])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 33, 1000])
async def test_sql_computes_the_same_root(ledger_db, count):
    all_leaves = b"".join(leaves(count))

    row = await ledger_db.call(text("SELECT ledger_root(:leaves) AS root"), leaves=all_leaves)

    assert row.root == merkle_tree.root_hash(all_leaves)
