"""Scans with the id that the phone gave them, and the first outcome of each; findings of fraud rules."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, SmallInteger, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Scan(Base):
    """The first outcome of a scan; `n` counts the codes of one picture. Texts and pictures are not stored."""

    __tablename__ = "scans"
    __table_args__ = (
        # Finds late claims of a code. Successful claims are not in the index and do not pay for it.
        Index(
            "ix_scans_refused", "cause", "cause_id", "at", postgresql_where="reason IS NOT NULL AND cause IS NOT NULL"
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    digest: Mapped[bytes]
    kind: Mapped[str] = mapped_column(String(11))
    status: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(24))
    cause: Mapped[int | None] = mapped_column(SmallInteger)
    cause_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ScanSignal(Base):
    """A finding of a fraud rule about a credited claim. In shadow mode it changes nothing."""

    __tablename__ = "scan_signals"
    __table_args__ = (
        Index("ix_scan_signals_brand_id_id", "brand_id", "id"),
        Index("ix_scan_signals_cause_cause_id", "cause", "cause_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    account_id: Mapped[int]
    # The claim; each (cause, cause_id) is credited once.
    cause: Mapped[int] = mapped_column(SmallInteger)
    cause_id: Mapped[int]
    rule: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(SmallInteger)
    shadow: Mapped[bool]
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
