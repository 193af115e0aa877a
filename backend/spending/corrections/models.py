"""Corrections of wallets by staff."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

CAUSE = 11  # of its movement in the ledger


class Correction(Base):
    """An amount that staff add to a wallet (above zero) or remove. It moves with its approval of the same key."""

    __tablename__ = "corrections"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("amount > 0 OR expires_on IS NULL", name="expires_on"),
        Index("ix_corrections_brand_id_id", "brand_id", "id"),
        Index("ix_corrections_account_id", "account_id"),
        Index("ix_corrections_brand_id_done_at", "brand_id", "done_at", postgresql_where="done_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[UUID]
    approval_id: Mapped[int] = mapped_column(ForeignKey("approvals.id"), unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]
    # What the agent reads.
    reason: Mapped[str] = mapped_column(String(200))
    expires_on: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
