"""Webhook endpoints of brands and their deliveries."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from payouts.models import Base

DeliveryState = Literal["waiting", "sending", "done", "failed"]
# Coarse on purpose: details would reveal which internal hosts answer (SSRF).
DeliveryProblem = Literal["", "timeout", "unreachable", "forbidden", "redirect", "refused", "gone", "secret"]
OPEN = "state IN ('waiting', 'sending')"


class Endpoint(Base):
    """The target of a brand's events. Its secret is encrypted with a key outside the database."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (UniqueConstraint("brand_id", "key"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")  # empty: all
    secret: Mapped[bytes]  # see signing.py
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class Delivery(Base):
    """The delivery of an event to an endpoint: attempts, the last response, and the time of the next attempt.

    In state `sending`, `next_attempt_at` is the end of the worker's lease: until then no other worker may send it.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        # One row per event and endpoint; a replay uses the same row again.
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
    state: Mapped[DeliveryState] = mapped_column(String(7), server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[int | None]
    problem: Mapped[DeliveryProblem] = mapped_column(String(200), server_default="")
    next_attempt_at: Mapped[datetime] = mapped_column("due_at", server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class EventMark(Base):
    """The last event that a reader has processed; one row per reader."""

    __tablename__ = "event_marks"

    reader: Mapped[str] = mapped_column(String(24), primary_key=True)
    upto: Mapped[int]
