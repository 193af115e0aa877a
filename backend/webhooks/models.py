"""A brand's endpoints, and what was delivered to them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from payouts.models import Base

State = Literal["waiting", "sending", "done", "failed"]
# What went wrong, as far as a sender's log may tell: more would show what answers behind somebody's walls.
Problem = Literal["", "timeout", "unreachable", "forbidden", "redirect", "refused", "gone", "secret"]
OPEN = "state IN ('waiting', 'sending')"


class Endpoint(Base):
    """Where a brand's events go. The secret is enciphered with a key outside the database."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (UniqueConstraint("brand_id", "key"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")  # none: all
    secret: Mapped[bytes]  # see signing.py
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class Delivery(Base):
    """An event on its way to an endpoint: attempts, the last answer, and when the next one is due.

    While it is being sent, `due_at` is the time until which nobody else may take it.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        # An event goes to an endpoint once; a replay by hand takes the same row up again.
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint("state IN ('waiting', 'sending', 'done', 'failed')", name="state"),
        Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=text(OPEN)),
        Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    message: Mapped[UUID]  # `webhook-id` of Standard Webhooks: the same over all attempts
    state: Mapped[State] = mapped_column(String(7), server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[int | None]
    problem: Mapped[Problem] = mapped_column(String(200), server_default="")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class EventMark(Base):
    """Up to which event a reader has come; one row for each reader."""

    __tablename__ = "event_marks"

    reader: Mapped[str] = mapped_column(String(24), primary_key=True)
    upto: Mapped[int]
