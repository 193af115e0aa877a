"""Slots, batches and ranges of package codes; listed codes and marked units; files for the print shop."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

BatchState = Literal["generated", "printed", "active", "closed", "revoked"]
Origin = Literal["computed", "imported", "marked"]
FileState = Literal["waiting", "working", "done", "failed"]
STATES = "state IN ('generated', 'printed', 'active', 'closed', 'revoked')"


class Slot(Base):
    """A key slot: one brand, one generation of its key, and the next serial to issue."""

    __tablename__ = "slots"
    __table_args__ = (
        CheckConstraint("slot BETWEEN 0 AND 1023", name="slot"),
        CheckConstraint("next_serial BETWEEN 0 AND 137438953472", name="next_serial"),
    )

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    next_serial: Mapped[int] = mapped_column(server_default="0")
    # Set after a rotation of the master key; otherwise the key is derived from the first master key.
    sealed_key: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class Batch(Base):
    """A print run of one product: a span of serials, or a list of codes printed elsewhere (slot is empty).

    A list has a brand's own codes (imported) or units under state marking (marked).
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("count > 0 OR slot IS NULL", name="count"),
        CheckConstraint(STATES, name="state"),
        CheckConstraint("origin IN ('computed', 'imported', 'marked')", name="origin"),
        CheckConstraint("(slot IS NULL) = (first_serial IS NULL)", name="slot"),
        CheckConstraint("(slot IS NULL) = (origin <> 'computed')", name="slot_origin"),
        Index("ix_batches_brand_id_id", "brand_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[UUID]
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    origin: Mapped[Origin] = mapped_column(String(8), server_default="computed")
    slot: Mapped[int | None] = mapped_column(ForeignKey("slots.slot"))
    first_serial: Mapped[int | None]
    count: Mapped[int]
    state: Mapped[BatchState] = mapped_column(String(9))
    note: Mapped[str] = mapped_column(String(200), server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Range(Base):
    """A span of serials in one state; the spans of a slot never overlap. Revoking a roll changes only its range."""

    __tablename__ = "ranges"
    __table_args__ = (
        CheckConstraint("first_serial <= last_serial", name="serials"),
        CheckConstraint(STATES, name="state"),
        Index("ix_ranges_batch_id", "batch_id"),
    )

    slot: Mapped[int] = mapped_column(ForeignKey("slots.slot"), primary_key=True, autoincrement=False)
    first_serial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_serial: Mapped[int]
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    state: Mapped[BatchState] = mapped_column(String(9))
    # An activation may be scheduled for the day of dispatch.
    active_from: Mapped[datetime | None]


class ImportedCode(Base):
    """A code printed elsewhere, stored as a keyed hash: the table does not reveal codes."""

    __tablename__ = "imported_codes"
    __table_args__ = (Index("ix_imported_codes_batch_id_id", "batch_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    digest: Mapped[bytes] = mapped_column(unique=True)


class MarkedUnit(Base):
    """A unit of goods under state marking: a number for (GTIN, serial).

    It belongs to the batch whose list has it; without a batch it was claimed and never listed. Unlisted units are
    looked up by prefix, without case: see packages_earlier.
    """

    __tablename__ = "marked_units"
    __table_args__ = (
        UniqueConstraint("gtin", "serial"),
        Index("ix_marked_units_batch_id_id", "batch_id", "id"),
        Index(
            "ix_marked_units_unlisted",
            "gtin",
            literal_column("lower(serial)").label("small"),
            postgresql_ops={"small": "text_pattern_ops"},
            postgresql_where="batch_id IS NULL",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batches.id"))
    gtin: Mapped[str] = mapped_column(String(14))
    serial: Mapped[str] = mapped_column(String(20))


class BatchFile(Base):
    """A file for the print shop and its progress; finished parts survive an interruption."""

    __tablename__ = "batch_files"
    __table_args__ = (
        UniqueConstraint("batch_id", "format"),
        CheckConstraint("state IN ('waiting', 'working', 'done', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    format: Mapped[str] = mapped_column(String(8))
    # All that the bytes depend on, as of the order.
    design: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[FileState] = mapped_column(String(7))
    problem: Mapped[str] = mapped_column(server_default="")
    codes_done: Mapped[int] = mapped_column(server_default="0")
    parts_done: Mapped[int] = mapped_column(server_default="0")
    parts: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class BatchFilePart(Base):
    """One finished part: its name and length, and its SHA-256 for the hand-over record."""

    __tablename__ = "batch_file_parts"

    file_id: Mapped[int] = mapped_column(ForeignKey("batch_files.id"), primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    bytes: Mapped[int]
    codes: Mapped[int]
    first: Mapped[int]  # position in the batch, from 1
    sha256: Mapped[str] = mapped_column(String(64))
