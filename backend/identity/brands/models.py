"""Brands (tenants) and their staff."""

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

Role = Literal["owner", "manager", "reviewer", "analyst"]


class Brand(Base):
    """A manufacturer: everything in the console belongs to one."""

    __tablename__ = "brands"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Large operations need an approval, however many members there are; see backend/identity/approvals.
    four_eyes: Mapped[bool] = mapped_column(server_default="false")
    # Whether owners and managers must have a second factor.
    needs_second_factor: Mapped[bool] = mapped_column(server_default="false")
    # Whether its staff see receipts that no provider can verify, with goods of any brand; the operator decides.
    reads_receipts: Mapped[bool] = mapped_column(server_default="true")


class Staff(Base):
    """A member of a brand's staff. The e-mail is the only personal data."""

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
    # Of a password set by another member: until when it can sign in, and only to be changed.
    password_expires_at: Mapped[datetime | None]
    second_factor_at: Mapped[datetime | None]  # since when the member has one
    totp_secret: Mapped[bytes | None]  # sealed
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)  # of the last code that was used: a code is valid once


class StaffSession(Base):
    """A signed-in staff member's token."""

    __tablename__ = "staff_sessions"
    __table_args__ = (Index("ix_staff_sessions_staff_id", "staff_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    authenticated_at: Mapped[datetime | None]  # when the member last authenticated; null: at the start of the session
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class StaffPasskey(Base):
    """A staff member's WebAuthn credential: signs in by itself, and is a second factor."""

    __tablename__ = "staff_passkeys"
    __table_args__ = (Index("ix_staff_passkeys_staff_id", "staff_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StaffRecoveryCode(Base):
    """A code that replaces a lost second factor once."""

    __tablename__ = "staff_recovery_codes"
    __table_args__ = (Index("ix_staff_recovery_codes_staff_id", "staff_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    digest: Mapped[bytes] = mapped_column(unique=True)


class StaffChallenge(Base):
    """A WebAuthn challenge for staff, used once within minutes; at sign-in it has no member."""

    __tablename__ = "staff_challenges"
    __table_args__ = (Index("ix_staff_challenges_expires_at", "expires_at"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]
