"""Events, written in the transaction of the operation. Webhooks, retention and the audit log read them."""

from datetime import datetime

from sqlalchemy import Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Event(Base):
    """What happened: `package.claimed`, `batch.revoked`. The body has ids and figures, never personal data."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_brand_id_id", "brand_id", "id"),
        # The audit log and its checkpoints.
        Index("ix_events_staff", "brand_id", "id", postgresql_where="staff_id IS NOT NULL"),
        Index("ix_events_staff_id", "id", postgresql_where="staff_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int | None]
    account_id: Mapped[int | None]
    staff_id: Mapped[int | None]
    kind: Mapped[str]
    body: Mapped[dict[str, object]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


def record(
    session: AsyncSession,
    kind: str,
    *,
    brand_id: int | None = None,
    account_id: int | None = None,
    staff_id: int | None = None,
    **body: object,
) -> None:
    """Add an event to the session of its operation."""
    session.add(Event(kind=kind, brand_id=brand_id, account_id=account_id, staff_id=staff_id, body=body))
