"""Anonymous accounts: a public card number, devices, and the credentials for recovery."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Account(Base):
    """An agent. The card number is public and grants no access; a closed account keeps only its id."""

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
    # Whether the recovery code was sent when the PIN was first set. A PIN set by a stolen token is no proof.
    pin_is_confirmed: Mapped[bool] = mapped_column(server_default="true")
    spending_held_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class Device(Base):
    """A phone with its own token."""

    __tablename__ = "devices"
    __table_args__ = (Index("ix_devices_account_id", "account_id", postgresql_where=text("ended_at IS NULL")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    # A new recovery code replaces the old one at this device's next request, after its hold if it has one, so that a
    # lost response does not lock the owner out.
    new_recovery_digest: Mapped[bytes | None] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(40), server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(BigInteger)  # the device that ended it, itself when it signed out
    # Of a device signed in by recovery: the end of its hold. Until then the owner can undo the recovery.
    held_until: Mapped[datetime | None]
    # When a recovery ends this device, unless the owner undoes it. `expires_at` is the same.
    replaced_at: Mapped[datetime | None]


class DeviceInvitation(Base):
    """An invitation of a second device: created on the first, presented by the second, confirmed on the first."""

    __tablename__ = "device_invitations"
    __table_args__ = (
        Index("ix_device_invitations_account_id", "account_id"),
        Index("ix_device_invitations_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    device_id: Mapped[int] = mapped_column(BigInteger)  # that invites, and confirms
    secret_digest: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    # Set when the secret is presented: the token, valid once it is confirmed, and the number that both sides compare.
    token_digest: Mapped[bytes | None] = mapped_column(unique=True)
    device_name: Mapped[str] = mapped_column(String(40), server_default="")
    check_number: Mapped[str | None] = mapped_column(String(4))
    ended_at: Mapped[datetime | None]
    new_device_id: Mapped[int | None] = mapped_column(BigInteger)  # once it is confirmed


class Passkey(Base):
    """A WebAuthn credential for recovery and sign-in."""

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
    """A WebAuthn challenge, used once within minutes; at sign-in it has no account."""

    __tablename__ = "challenges"
    __table_args__ = (Index("ix_challenges_expires_at", "expires_at"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int | None]
    expires_at: Mapped[datetime]
