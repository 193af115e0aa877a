"""The ledger's tables: wallets, movements, lots, and the seals over them."""

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
    """Every table of the installation; numbers are 64 bits wide and times have a zone."""

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
    """Where value can stand. The first and the last three are the programme's, the others the wallet's."""

    FUNDING = 1
    PENDING = 2
    AVAILABLE = 3
    HELD = 4
    BREAKAGE = 5
    PAYABLE = 6
    LOSS = 7


class Kind(IntEnum):
    """What a movement does."""

    EARN = 1
    MATURE = 2
    HOLD = 3
    SETTLE = 4
    RELEASE = 5
    EXPIRE = 6
    CLAWBACK = 7
    WRITE_OFF = 8


# What each kind of movement moves, from where to where.
MOVES = (
    (Kind.EARN, Place.FUNDING, Place.PENDING),
    (Kind.EARN, Place.FUNDING, Place.AVAILABLE),
    (Kind.MATURE, Place.PENDING, Place.AVAILABLE),
    (Kind.HOLD, Place.AVAILABLE, Place.HELD),
    (Kind.SETTLE, Place.HELD, Place.PAYABLE),
    (Kind.RELEASE, Place.HELD, Place.AVAILABLE),
    (Kind.EXPIRE, Place.AVAILABLE, Place.BREAKAGE),
    (Kind.CLAWBACK, Place.PENDING, Place.FUNDING),
    (Kind.CLAWBACK, Place.AVAILABLE, Place.FUNDING),
    (Kind.WRITE_OFF, Place.LOSS, Place.AVAILABLE),
)


def _move(kind: int, source: int, target: int) -> int:
    """The three in one number, five digits for each: no two are alike, since each has 16 bits."""
    return kind * 10**10 + source * 10**5 + target


class Wallet(Base):
    """An owner's balances in one book (a programme), in minor units.

    `available` below zero is a debt. `due_on` is the next day on which something matures or expires, at the latest.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        UniqueConstraint("owner_id", "book_id"),
        CheckConstraint("pending >= 0", name="pending"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("floor <= 0", name="floor"),
        # Only a claw-back lowers the floor, so a wrong spend stops here.
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
    """One row is the double entry: an amount in minor units goes from one place to another. Never changed."""

    __tablename__ = "movements"
    __table_args__ = (
        UniqueConstraint("wallet_id", "wallet_seq"),
        # The same deed cannot move money twice, whoever repeats it.
        UniqueConstraint("cause", "cause_id", "kind", "leg"),
        CheckConstraint("id > 0", name="id"),
        CheckConstraint("amount > 0", name="amount"),
        # One number among a few: the server reads a check anew for each statement, and rows in a list cost it as much
        # as the insert.
        CheckConstraint(
            "kind * 10000000000 + from_place * 100000 + to_place IN "
            f"({', '.join(str(_move(*move)) for move in MOVES)})",
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
    """What was earned to the same two days: one row however many claims made it."""

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
    """What a movement drew from a lot (negative) or gave back to it (positive)."""

    __tablename__ = "lot_uses"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount"), Index("ix_lot_uses_lot_id", "lot_id"))

    movement_id: Mapped[int] = mapped_column(ForeignKey("movements.id"), primary_key=True, autoincrement=False)
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"), primary_key=True, autoincrement=False)
    amount: Mapped[int]


class Seal(Base):
    """The root of a tree of hashes over the movements after the seal before it up to an id, and a hash over that root
    and that seal: a changed row is found, and an owner can be shown that his stands there.

    `secret` keeps the leaves from being guessed by who sees them beside his own; `leaves` stand one after another.
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


class Due(Base):
    """What one house owes another (a brand a shop), in kopecks: kind 1 adds to it, kind 2 takes from it. Never changed.

    Debtor and creditor have no balance row: whoever wants a sum takes it over a closed range of ids.
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


class BooksCheck(Base):
    """A proof of the books that was made, and what was wrong with them then."""

    __tablename__ = "books_checks"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    movements: Mapped[int]
    seconds: Mapped[float]
    faults: Mapped[list[str]] = mapped_column(ARRAY(Text))
