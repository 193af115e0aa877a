"""The ledger's tables: wallets, movements, lots, checkpoints (table `seals`) and payables (table `dues`)."""

from datetime import date, datetime
from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, Text


class Base(DeclarativeBase):
    """Base of all tables: integers have 64 bits, and timestamps have a time zone."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True), bytes: LargeBinary}  # noqa: RUF012


class Place(IntEnum):
    """A side of a movement. Pending, available and held belong to the wallet, the others to the programme."""

    FUNDING = 1
    PENDING = 2
    AVAILABLE = 3
    HELD = 4
    BREAKAGE = 5
    PAYABLE = 6
    LOSS = 7


class MovementKind(IntEnum):
    """The kind of a movement."""

    EARN = 1
    MATURE = 2
    HOLD = 3
    SETTLE = 4
    RELEASE = 5
    EXPIRE = 6
    CLAWBACK = 7
    WRITE_OFF = 8
    CORRECT = 9


# The pairs of places between which each kind moves an amount.
ALLOWED_MOVES = (
    (MovementKind.EARN, Place.FUNDING, Place.PENDING),
    (MovementKind.EARN, Place.FUNDING, Place.AVAILABLE),
    (MovementKind.MATURE, Place.PENDING, Place.AVAILABLE),
    (MovementKind.HOLD, Place.AVAILABLE, Place.HELD),
    (MovementKind.SETTLE, Place.HELD, Place.PAYABLE),
    (MovementKind.RELEASE, Place.HELD, Place.AVAILABLE),
    (MovementKind.EXPIRE, Place.AVAILABLE, Place.BREAKAGE),
    (MovementKind.CLAWBACK, Place.PENDING, Place.FUNDING),
    (MovementKind.CLAWBACK, Place.AVAILABLE, Place.FUNDING),
    (MovementKind.WRITE_OFF, Place.LOSS, Place.AVAILABLE),
    (MovementKind.CORRECT, Place.AVAILABLE, Place.FUNDING),
)


def _encoded_move(kind: int, source: int, target: int) -> int:
    """Kind, source and target in one number, five digits each. Unique, because each has 16 bits."""
    return kind * 10**10 + source * 10**5 + target


class Wallet(Base):
    """An owner's balances in the ledger of one programme, in minor units. The column `book_id` is the programme's id.

    `available` below zero is a debt. On `due_on`, or later, the next lot matures or expires.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        UniqueConstraint("owner_id", "book_id"),
        CheckConstraint("pending >= 0", name="pending"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("floor <= 0", name="floor"),
        # Only a clawback lowers the floor, so this constraint stops an overdraft by wrong code.
        CheckConstraint("available >= floor", name="available"),
        Index("ix_wallets_due_on", "due_on", postgresql_where=text("due_on IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    owner_id: Mapped[int]
    book_id: Mapped[int]
    pending: Mapped[int] = mapped_column(server_default="0")
    available: Mapped[int] = mapped_column(server_default="0")
    held: Mapped[int] = mapped_column(server_default="0")
    floor: Mapped[int] = mapped_column(server_default="0")
    seq: Mapped[int] = mapped_column(server_default="0")
    due_on: Mapped[date | None]


class Movement(Base):
    """A double entry in one row: an amount in minor units moves from one place to another. Append-only."""

    __tablename__ = "movements"
    __table_args__ = (
        UniqueConstraint("wallet_id", "wallet_seq"),
        # A cause moves an amount once, so a repeated operation is idempotent.
        UniqueConstraint("cause", "cause_id", "kind", "leg"),
        CheckConstraint("id > 0", name="id"),
        CheckConstraint("amount > 0", name="amount"),
        # One encoded number: PostgreSQL plans a check for each statement, and a list of row constructors costs as much
        # as the insert.
        CheckConstraint(
            "kind * 10000000000 + from_place * 100000 + to_place IN "
            f"({', '.join(str(_encoded_move(*move)) for move in ALLOWED_MOVES)})",
            name="places",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"))
    wallet_seq: Mapped[int]
    amount: Mapped[int]
    pending_after: Mapped[int]
    available_after: Mapped[int]
    held_after: Mapped[int]
    cause_id: Mapped[int]
    lot_id: Mapped[int | None]
    reverses: Mapped[int | None] = mapped_column(ForeignKey("movements.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[int] = mapped_column(SmallInteger)
    from_place: Mapped[int] = mapped_column(SmallInteger)
    to_place: Mapped[int] = mapped_column(SmallInteger)
    cause: Mapped[int] = mapped_column(SmallInteger)
    leg: Mapped[int] = mapped_column(SmallInteger, server_default="0")


class Lot(Base):
    """Points that mature on the same day and expire on the same day. Several claims share one row."""

    __tablename__ = "lots"
    __table_args__ = (
        UniqueConstraint("wallet_id", "expires_on", "matures_on"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining"),
        CheckConstraint("matures_on < expires_on", name="days"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"))
    amount: Mapped[int]
    remaining: Mapped[int]
    matures_on: Mapped[date]
    expires_on: Mapped[date]
    pending: Mapped[bool]


class LotUse(Base):
    """The part of a movement that a lot gave (negative) or got back (positive)."""

    __tablename__ = "lot_uses"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount"), Index("ix_lot_uses_lot_id", "lot_id"))

    movement_id: Mapped[int] = mapped_column(ForeignKey("movements.id"), primary_key=True, autoincrement=False)
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"), primary_key=True, autoincrement=False)
    amount: Mapped[int]


class Checkpoint(Base):
    """A checkpoint: a digest of the movements after the previous checkpoint up to the id `upto`.

    `root` is the root of a hash tree over the rows; `hash` covers the root and the previous hash. A changed row is
    detected, and an owner can verify a row without seeing others. `secret` keeps an owner who sees other leaves from
    guessing their rows. `leaves` holds the leaf hashes concatenated.
    """

    __tablename__ = "seals"
    __table_args__ = (UniqueConstraint("previous"),)

    upto: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous: Mapped[bytes]
    root: Mapped[bytes]
    hash: Mapped[bytes]
    rows: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    secret: Mapped[bytes]
    leaves: Mapped[bytes]


class Payable(Base):
    """A change of what a brand owes a shop, in kopecks: kind 1 adds to it, kind 2 reduces it. Append-only.

    There is no balance row; sums are computed over a closed range of ids.
    """

    __tablename__ = "dues"
    __table_args__ = (
        UniqueConstraint("cause", "cause_id", "kind"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("kind IN (1, 2)", name="kind"),
        Index("ix_dues_creditor_id_debtor_id_id", "creditor_id", "debtor_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    creditor_id: Mapped[int]
    debtor_id: Mapped[int]
    kind: Mapped[int] = mapped_column(SmallInteger)
    amount: Mapped[int]
    cause: Mapped[int] = mapped_column(SmallInteger)
    cause_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerAuditRecord(Base):
    """A finished audit of the ledger and its faults."""

    __tablename__ = "books_checks"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    movements: Mapped[int]
    seconds: Mapped[float]
    faults: Mapped[list[str]] = mapped_column(ARRAY(Text))
