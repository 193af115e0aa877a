"""Accounts without a person: a public card number, devices, and the ways back."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Account(Base):
    """An agent. The card number is public and opens nothing; a closed account keeps only its id."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("closed_at IS NULL OR (card_number IS NULL AND recovery_digest IS NULL)", name="closed"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    card_number: Mapped[str | None] = mapped_column(String(16), unique=True)
    recovery_digest: Mapped[bytes | None] = mapped_column(unique=True)
    pin_hash: Mapped[str | None]
    pin_failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    pin_wait_until: Mapped[datetime | None]
    spending_held_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class Device(Base):
    """A phone with a token of its own, ended one by one."""

    __tablename__ = "devices"
    __table_args__ = (Index("ix_devices_account_id", "account_id", postgresql_where=text("ended_at IS NULL")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    # A recovery's new code replaces the old one when the new phone first calls: an answer lost on the way locks
    # nobody out.
    new_recovery_digest: Mapped[bytes | None] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(40), server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Passkey(Base):
    """A WebAuthn credential: a second way back."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("ix_passkeys_account_id", "account_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class Challenge(Base):
    """A WebAuthn challenge, to be answered once within minutes; a stranger's has no account."""

    __tablename__ = "challenges"
    __table_args__ = (Index("ix_challenges_expires_at", "expires_at"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int | None]
    expires_at: Mapped[datetime]
