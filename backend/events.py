"""What happened, written in the transaction of the deed. Webhooks, retention and the audit trail read it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Event(Base):
    """A deed: `package.claimed`, `batch.revoked`. The body holds ids and figures, never personal data."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_brand_id_id", "brand_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int | None]
    account_id: Mapped[int | None]
    staff_id: Mapped[int | None]
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


def record(
    session: AsyncSession,
    kind: str,
    *,
    brand_id: int | None = None,
    account_id: int | None = None,
    staff_id: int | None = None,
    **body: Any,
) -> None:
    """Write an event with the deed it tells of."""
    session.add(Event(kind=kind, brand_id=brand_id, account_id=account_id, staff_id=staff_id, body=body))
