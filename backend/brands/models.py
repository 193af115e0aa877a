"""Brands (tenants) and the people who work for them."""

from datetime import datetime
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

Role = Literal["owner", "manager", "reviewer", "analyst"]


class Brand(Base):
    """A manufacturer: everything in the console belongs to one."""

    __tablename__ = "brands"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Staff(Base):
    """Somebody who signs in for one brand. The e-mail is the only thing we know."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint("role IN ('owner', 'manager', 'reviewer', 'analyst')", name="role"),
        Index("ix_staff_brand_id", "brand_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class StaffSession(Base):
    """A signed-in staff member's token."""

    __tablename__ = "staff_sessions"
    __table_args__ = (Index("ix_staff_sessions_staff_id", "staff_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
