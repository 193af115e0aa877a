"""A brand's endpoints, and what was delivered to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from payouts.models import Base


class Endpoint(Base):
    """Where a brand's events go. The secret is enciphered with a key outside the database."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (UniqueConstraint("brand_id", "key"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")  # none: all
    secret: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class Delivery(Base):
    """An event on its way to an endpoint: attempts, the last answer, and when the next one is due."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        # An event goes to an endpoint once; a replay by hand takes the same row up again.
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
        Index("ix_webhook_deliveries_due_at", "due_at", postgresql_where="state = 'waiting'"),
        Index("ix_webhook_deliveries_brand_id_id", "brand_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    message: Mapped[UUID]  # `webhook-id` of Standard Webhooks: the same over all attempts
    state: Mapped[str] = mapped_column(String(7), server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[int | None]
    problem: Mapped[str] = mapped_column(String(200), server_default="")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class EventMark(Base):
    """Up to which event a reader has come; one row for each reader."""

    __tablename__ = "event_marks"

    reader: Mapped[str] = mapped_column(String(24), primary_key=True)
    upto: Mapped[int]
