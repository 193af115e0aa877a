"""What a statement proves, for whoever holds one: its arithmetic, its rows under their seals, the chain of the seals.

Pure, and needs nothing but the file: docs/statements.md tells the same for other programs.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from payouts import tree
from payouts.models import Kind, Place

FORMAT: Literal["scanback statement 1"] = "scanback statement 1"
COLUMNS = (
    "id", "wallet_id", "wallet_seq", "amount", "pending_after", "available_after", "held_after", "cause_id", "lot_id",
    "reverses", "at", "kind", "from_place", "to_place", "cause", "leg",
)  # fmt: skip
START = datetime(1970, 1, 1, tzinfo=UTC)
# Lowercase hexadecimal digits of 32 bytes, or nothing.
HEX = r"^([0-9a-f]{64})?(?!\n)$"
_HASH = "5a0c9b3e7f1d2468ace013579bdf0246813579bdf02468ace13579bdf02468ac"
Hash = Annotated[str, Meta(pattern=HEX, examples=[_HASH])]
LINE = "4711,17,1,15000,15000,0,0,90210,33,0,1795341600000000,1,1,2,1,0"


class ProvenRow(Struct, frozen=True, omit_defaults=True):
    """A row as it was hashed; `salt` and `leaf` when it is sealed."""

    line: Annotated[str, Meta(max_length=400, examples=[LINE])]
    salt: Hash = ""
    leaf: Annotated[Hash, Meta(description="What was sealed.")] = ""


class SealOut(Struct, frozen=True):
    """A seal: it covers the movements after the seal before it up to `upto`."""

    upto: Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[5000])]
    previous: Hash
    root: Hash
    hash: Hash
    rows: Annotated[int, Meta(ge=0, le=2**63 - 1, examples=[300])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:05:00Z"])]


class SealOver(SealOut, frozen=True):
    """A seal over some rows of a statement: all from `first` to `last` (ids) that the statement has, by their places in
    the tree, and the hashes that lead from them to its root."""

    first: Annotated[int, Meta(examples=[4711])]
    last: Annotated[int, Meta(examples=[4711])]
    places: Annotated[list[int], Meta(examples=[[11]])]
    path: list[Hash]


class Proof(Struct, frozen=True):
    """The rows of a statement as they were hashed, in its order, and the seals that they fall under."""

    rows: list[ProvenRow]
    seals: list[SealOver]


class Balances(Struct, frozen=True):
    """What stood in a wallet, in minor units."""

    pending: int = 0
    available: int = 0
    held: int = 0


class Row(Struct, frozen=True):
    """A movement as a statement shows it."""

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
    """A statement as it is read back. What is only for people is left out."""

    format: Literal["scanback statement 1"]
    wallet_id: int
    items: list[Row]
    opening: Balances = Balances()
    closing: Balances = Balances()
    movements_before: int = 0
    proof: Proof | None = None


class Fault(NamedTuple):
    """What is wrong: a code for machines, the movement or the seal that it is about, and a sentence."""

    code: str
    text: str
    movement: int | None = None
    seal: int | None = None


class Found(NamedTuple):
    """What a check found: how many rows there are, how many of them stand under a seal, and what is wrong."""

    rows: int
    sealed: int
    faults: list[Fault]


def check(statement: Statement, published: Sequence[SealOut] | None) -> Found:
    """Check a statement, and its seals against published ones where these are at hand."""
    faults = list(_arithmetic(statement))
    proof = statement.proof
    if proof is None:
        return Found(len(statement.items), 0, [*faults, Fault("no_proof", "The statement has no proof in it.")])
    faults += _shown(statement, proof)
    for seal in proof.seals:
        faults += _under(seal, proof)
    faults += _covered(proof)
    if published is not None:
        faults += chain(published)
        faults += _published(proof, published)
    return Found(len(statement.items), sum(bool(row.salt) for row in proof.rows), faults)


def _arithmetic(statement: Statement) -> Iterator[Fault]:
    """Balances follow from rows, and no row is left out."""
    stood, seq = statement.opening, statement.movements_before
    for row in statement.items:
        if row.seq != seq + 1:
            yield Fault("row_missing", f"Row {seq + 1} of the wallet is not there: {row.seq} comes next.", row.id)
        after = Balances(row.pending_after, row.available_after, row.held_after)
        if _moved(stood, row) != after:
            yield Fault("sum_wrong", f"The balances after movement {row.id} do not follow from those before.", row.id)
        stood, seq = after, row.seq
    if stood != statement.closing:
        yield Fault("closing_wrong", "The closing balances are not those after the last movement.")


def _moved(stood: Balances, row: Row) -> Balances:
    change = {"pending": 0, "available": 0, "held": 0}
    for place, amount in ((row.from_place, -row.amount), (row.to_place, row.amount)):
        if place in change:
            change[place] += amount
    return Balances(
        stood.pending + change["pending"], stood.available + change["available"], stood.held + change["held"]
    )


def _shown(statement: Statement, proof: Proof) -> Iterator[Fault]:
    """What people read is what was hashed."""
    if len(proof.rows) != len(statement.items):
        yield Fault("rows_differ", f"{len(statement.items)} rows are shown, {len(proof.rows)} are in the proof.")
        return
    for row, proven in zip(statement.items, proof.rows, strict=True):
        if told(proven.line) != (statement.wallet_id, row):
            yield Fault("shown_otherwise", f"Movement {row.id} is shown otherwise than it was hashed.", row.id)


def told(line: str) -> tuple[int, Row] | None:
    """The wallet and the row that a hashed line tells; nothing if it is not such a line."""
    try:
        told = dict(zip(COLUMNS, map(int, line.split(",")), strict=True))
        at = START + timedelta(microseconds=told["at"])
        kind, source, target = Kind(told["kind"]), Place(told["from_place"]), Place(told["to_place"])
    except (ValueError, OverflowError):
        return None
    return told["wallet_id"], Row(
        told["id"], told["wallet_seq"], kind.name.lower(), source.name.lower(), target.name.lower(), told["amount"], at,
        told["pending_after"], told["available_after"], told["held_after"],
    )  # fmt: skip


def _id(row: ProvenRow) -> int:
    number = row.line.partition(",")[0]
    return int(number) if number.isdecimal() and len(number) < 20 else 0


def _under(seal: SealOver, proof: Proof) -> Iterator[Fault]:
    """Rows are what was sealed, and their leaves lead to the seal's root."""
    if not _follows(seal):
        yield Fault("seal_wrong", f"The seal up to {seal.upto} is not the hash of its parts.", seal=seal.upto)
    rows = [row for row in proof.rows if row.salt and seal.first <= _id(row) <= seal.last]
    for row in rows:
        if tree.leaf(bytes.fromhex(row.salt), row.line).hex() != row.leaf:
            yield Fault("row_changed", f"Movement {_id(row)} is not what was sealed.", _id(row), seal.upto)
    if len(rows) != len(seal.places) or not _leads(seal, rows):
        said = f"The rows from {seal.first} to {seal.last} do not lead to the root of the seal up to {seal.upto}."
        yield Fault("root_wrong", said, seal=seal.upto)


def _follows(seal: SealOut) -> bool:
    made = tree.seal(bytes.fromhex(seal.previous), bytes.fromhex(seal.root), seal.upto, seal.rows)
    return made.hex() == seal.hash


def _leads(seal: SealOver, rows: Sequence[ProvenRow]) -> bool:
    leaves = {place: bytes.fromhex(row.leaf) for place, row in zip(seal.places, rows, strict=True)}
    try:
        root = tree.root_by_path(seal.rows, leaves, map(bytes.fromhex, seal.path))
    except tree.PathWrong:
        return False
    return len(leaves) == len(rows) and root.hex() == seal.root


def _covered(proof: Proof) -> Iterator[Fault]:
    """Each row that claims a seal has one, and after one that waits for its seal none has."""
    waits = False
    for row in proof.rows:
        seals = sum(seal.first <= _id(row) <= seal.last for seal in proof.seals)
        if row.salt and (waits or seals != 1):
            yield Fault("seal_missing", f"Movement {_id(row)} claims a seal that is not there.", _id(row))
        waits = waits or not row.salt


def chain(seals: Iterable[SealOut]) -> Iterator[Fault]:
    """Each seal is the hash of its parts, and follows from the one before."""
    ordered = sorted(seals, key=lambda seal: seal.upto)
    for seal in ordered:
        if not _follows(seal):
            yield Fault(
                "seal_wrong", f"The published seal up to {seal.upto} is not the hash of its parts.", None, seal.upto
            )
    for before, seal in pairwise(ordered):
        if seal.previous != before.hash:
            said = f"The published seal up to {seal.upto} does not follow the one up to {before.upto}."
            yield Fault("chain_broken", said, seal=seal.upto)


def _published(proof: Proof, published: Sequence[SealOut]) -> Iterator[Fault]:
    known = {seal.upto: seal for seal in published}
    for seal in proof.seals:
        other = known.get(seal.upto)
        if other is None:
            yield Fault("not_published", f"No seal up to {seal.upto} was published.", seal=seal.upto)
        elif other.hash != seal.hash:
            yield Fault("published_otherwise", f"The seal up to {seal.upto} was published otherwise.", seal=seal.upto)


def read(raw: bytes) -> Statement:
    """A statement from a file.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return msgspec.json.decode(raw, type=Statement)
