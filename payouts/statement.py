"""Verify a statement of a wallet: its sums, its rows under their seals (checkpoints), and the chain of the seals.

Pure: it needs only the file. docs/statements.md describes the same steps for other programs.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from payouts import merkle_tree
from payouts.models import MovementKind, Place

FORMAT: Literal["scanback statement 1"] = "scanback statement 1"
COLUMNS = (
    "id",
    "wallet_id",
    "wallet_seq",
    "amount",
    "pending_after",
    "available_after",
    "held_after",
    "cause_id",
    "lot_id",
    "reverses",
    "at",
    "kind",
    "from_place",
    "to_place",
    "cause",
    "leg",
)
START = datetime(1970, 1, 1, tzinfo=UTC)
# Lowercase hexadecimal digits of 32 bytes, or nothing.
HEX = r"^([0-9a-f]{64})?(?!\n)$"
_HASH = "5a0c9b3e7f1d2468ace013579bdf0246813579bdf02468ace13579bdf02468ac"
Hash = Annotated[str, Meta(pattern=HEX, examples=[_HASH])]
EXAMPLE_LINE = "4711,17,1,15000,15000,0,0,90210,33,0,1795341600000000,1,1,2,1,0"


class ProofRow(Struct, frozen=True, omit_defaults=True):
    """A row as it was hashed; `salt` and `leaf` when it is sealed."""

    line: Annotated[str, Meta(max_length=400, examples=[EXAMPLE_LINE])]
    salt: Hash = ""
    leaf: Annotated[Hash, Meta(description="What was sealed.")] = ""


class CheckpointOut(Struct, frozen=True):
    """A seal: it covers the movements after the seal before it up to `upto`."""

    upto: Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[5000])]
    previous: Hash
    root: Hash
    hash: Hash
    rows: Annotated[int, Meta(ge=0, le=2**63 - 1, examples=[300])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:05:00Z"])]


class ProofCheckpoint(CheckpointOut, frozen=True):
    """A seal over some rows of a statement: all from `first` to `last` (ids) that the statement has, by their places in
    the tree, and the hashes that lead from them to its root."""

    first: Annotated[int, Meta(examples=[4711])]
    last: Annotated[int, Meta(examples=[4711])]
    places: Annotated[list[int], Meta(examples=[[11]])]
    path: list[Hash]


class StatementProof(Struct, frozen=True):
    """The rows of a statement as they were hashed, in its order, and the seals that they fall under."""

    rows: list[ProofRow]
    seals: list[ProofCheckpoint]


class Balances(Struct, frozen=True):
    """The balances of a wallet, in minor units."""

    pending: int = 0
    available: int = 0
    held: int = 0


class StatementMovement(Struct, frozen=True):
    """A movement as the statement shows it."""

    id: int
    seq: int
    kind: str
    from_place: str
    to_place: str
    amount: int
    at: datetime
    pending_after: int = 0
    available_after: int = 0
    held_after: int = 0


class Statement(Struct, frozen=True):
    """A statement as it is read from a file, without the fields that are only for people."""

    format: Literal["scanback statement 1"]
    wallet_id: int
    items: list[StatementMovement]
    opening: Balances = Balances()
    closing: Balances = Balances()
    movements_before: int = 0
    proof: StatementProof | None = None


class StatementFault(NamedTuple):
    """A fault: a code for machines, a sentence, and the movement or the seal that it concerns."""

    code: str
    text: str
    movement: int | None = None
    seal: int | None = None


class StatementCheck(NamedTuple):
    """The result of a check: the number of rows, the number of rows under a seal, and the faults."""

    rows: int
    sealed: int
    faults: list[StatementFault]


def check_statement(statement: Statement, published: Sequence[CheckpointOut] | None) -> StatementCheck:
    """Check a statement, and its seals against published seals if these are given."""
    faults = list(_sum_faults(statement))
    proof = statement.proof
    if proof is None:
        faults.append(StatementFault("no_proof", "The statement has no proof in it."))
        return StatementCheck(len(statement.items), 0, faults)
    faults += _row_faults(statement, proof)
    for seal in proof.seals:
        faults += _seal_faults(seal, proof)
    faults += _coverage_faults(proof)
    if published is not None:
        faults += check_chain(published)
        faults += _publication_faults(proof, published)
    return StatementCheck(len(statement.items), sum(bool(row.salt) for row in proof.rows), faults)


def _sum_faults(statement: Statement) -> Iterator[StatementFault]:
    """Balances follow from rows, and no row is left out."""
    balances, seq = statement.opening, statement.movements_before
    for row in statement.items:
        if row.seq != seq + 1:
            text = f"Row {seq + 1} of the wallet is not there: {row.seq} comes next."
            yield StatementFault("row_missing", text, row.id)
        after = Balances(row.pending_after, row.available_after, row.held_after)
        if _balances_after(balances, row) != after:
            text = f"The balances after movement {row.id} do not follow from those before."
            yield StatementFault("sum_wrong", text, row.id)
        balances, seq = after, row.seq
    if balances != statement.closing:
        yield StatementFault("closing_wrong", "The closing balances are not those after the last movement.")


def _balances_after(before: Balances, row: StatementMovement) -> Balances:
    change = {"pending": 0, "available": 0, "held": 0}
    for place, amount in ((row.from_place, -row.amount), (row.to_place, row.amount)):
        if place in change:
            change[place] += amount
    return Balances(
        before.pending + change["pending"], before.available + change["available"], before.held + change["held"]
    )


def _row_faults(statement: Statement, proof: StatementProof) -> Iterator[StatementFault]:
    """The rows that people read are the rows that were hashed."""
    if len(proof.rows) != len(statement.items):
        text = f"{len(statement.items)} rows are shown, {len(proof.rows)} are in the proof."
        yield StatementFault("rows_differ", text)
        return
    for row, proven in zip(statement.items, proof.rows, strict=True):
        if parse_line(proven.line) != (statement.wallet_id, row):
            text = f"Movement {row.id} is shown otherwise than it was hashed."
            yield StatementFault("shown_otherwise", text, row.id)


def parse_line(line: str) -> tuple[int, StatementMovement] | None:
    """The wallet id and the movement of a hashed line; None if the line is invalid."""
    try:
        values = dict(zip(COLUMNS, map(int, line.split(",")), strict=True))
        at = START + timedelta(microseconds=values["at"])
        kind, source, target = MovementKind(values["kind"]), Place(values["from_place"]), Place(values["to_place"])
    except (ValueError, OverflowError):
        return None
    return values["wallet_id"], StatementMovement(
        id=values["id"],
        seq=values["wallet_seq"],
        kind=kind.name.lower(),
        from_place=source.name.lower(),
        to_place=target.name.lower(),
        amount=values["amount"],
        at=at,
        pending_after=values["pending_after"],
        available_after=values["available_after"],
        held_after=values["held_after"],
    )


def _movement_id(row: ProofRow) -> int:
    digits = row.line.partition(",")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 20 else 0


def _seal_faults(seal: ProofCheckpoint, proof: StatementProof) -> Iterator[StatementFault]:
    """The rows are those that were sealed, and their leaves lead to the root of the seal."""
    if not _has_right_hash(seal):
        yield StatementFault("seal_wrong", f"The seal up to {seal.upto} is not the hash of its parts.", seal=seal.upto)
    rows = [row for row in proof.rows if row.salt and seal.first <= _movement_id(row) <= seal.last]
    for row in rows:
        if merkle_tree.leaf_hash(bytes.fromhex(row.salt), row.line).hex() != row.leaf:
            text = f"Movement {_movement_id(row)} is not what was sealed."
            yield StatementFault("row_changed", text, _movement_id(row), seal.upto)
    if len(rows) != len(seal.places) or not _leads_to_root(seal, rows):
        text = f"The rows from {seal.first} to {seal.last} do not lead to the root of the seal up to {seal.upto}."
        yield StatementFault("root_wrong", text, seal=seal.upto)


def _has_right_hash(seal: CheckpointOut) -> bool:
    computed = merkle_tree.checkpoint_hash(bytes.fromhex(seal.previous), bytes.fromhex(seal.root), seal.upto, seal.rows)
    return computed.hex() == seal.hash


def _leads_to_root(seal: ProofCheckpoint, rows: Sequence[ProofRow]) -> bool:
    leaves = {position: bytes.fromhex(row.leaf) for position, row in zip(seal.places, rows, strict=True)}
    try:
        root = merkle_tree.root_from_path(seal.rows, leaves, map(bytes.fromhex, seal.path))
    except merkle_tree.PathInvalid:
        return False
    return len(leaves) == len(rows) and root.hex() == seal.root


def _coverage_faults(proof: StatementProof) -> Iterator[StatementFault]:
    """Each row with a salt is under one seal, and no row after an unsealed one has a salt."""
    has_unsealed = False
    for row in proof.rows:
        count = sum(seal.first <= _movement_id(row) <= seal.last for seal in proof.seals)
        if row.salt and (has_unsealed or count != 1):
            text = f"Movement {_movement_id(row)} claims a seal that is not there."
            yield StatementFault("seal_missing", text, _movement_id(row))
        has_unsealed = has_unsealed or not row.salt


def check_chain(seals: Iterable[CheckpointOut]) -> Iterator[StatementFault]:
    """Each seal is the hash of its parts, and follows from the previous seal."""
    ordered = sorted(seals, key=lambda seal: seal.upto)
    for seal in ordered:
        if not _has_right_hash(seal):
            text = f"The published seal up to {seal.upto} is not the hash of its parts."
            yield StatementFault("seal_wrong", text, seal=seal.upto)
    for previous, seal in pairwise(ordered):
        if seal.previous != previous.hash:
            text = f"The published seal up to {seal.upto} does not follow the one up to {previous.upto}."
            yield StatementFault("chain_broken", text, seal=seal.upto)


def _publication_faults(proof: StatementProof, published: Sequence[CheckpointOut]) -> Iterator[StatementFault]:
    """Each seal of the statement was published with the same hash."""
    published_by_id = {seal.upto: seal for seal in published}
    for seal in proof.seals:
        other = published_by_id.get(seal.upto)
        if other is None:
            yield StatementFault("not_published", f"No seal up to {seal.upto} was published.", seal=seal.upto)
        elif other.hash != seal.hash:
            text = f"The seal up to {seal.upto} was published otherwise."
            yield StatementFault("published_otherwise", text, seal=seal.upto)


def read_statement(raw: bytes) -> Statement:
    """Parse a statement file.

    Raises:
        msgspec.MsgspecError: it is not a statement.
    """
    return msgspec.json.decode(raw, type=Statement)
