"""Approvals by a second member of staff."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

# Operations that may need an approval: a correction, a campaign's budget, a file of stock codes, an order above a legal
# limit, and switching four eyes off.
ApprovalKind = Literal["correction", "budget", "stock", "order", "four_eyes"]
ApprovalState = Literal["waiting", "approved", "declined", "used"]


class Approval(Base):
    """A request by one member of staff, and the decision of another. An approved request is used once.

    `subject` is the key of the object, `amount` the maximum.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("state IN ('waiting', 'approved', 'declined', 'used')", name="state"),
        CheckConstraint("amount >= 0", name="amount"),
        # Two people, even if the code has an error.
        CheckConstraint(
            "state NOT IN ('approved', 'used') OR coalesce(decided_by, requested_by) <> requested_by", name="two_people"
        ),
        Index("ix_approvals_brand_id_id", "brand_id", "id"),
        Index("ix_approvals_approved", "brand_id", "kind", "subject", postgresql_where="state = 'approved'"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[UUID]
    kind: Mapped[ApprovalKind] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(80))
    amount: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    state: Mapped[ApprovalState] = mapped_column(String(8), server_default="waiting")
    requested_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(String(500), server_default="")
    used_at: Mapped[datetime | None]
