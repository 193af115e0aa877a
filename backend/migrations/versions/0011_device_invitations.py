"""Invitations of further devices."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_invitations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=True),
        sa.Column("device_name", sa.String(length=40), server_default="", nullable=False),
        sa.Column("check_number", sa.String(length=4), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_device_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_device_invitations_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_invitations")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_device_invitations_secret_digest")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_device_invitations_token_digest")),
    )
    op.create_index("ix_device_invitations_account_id", "device_invitations", ["account_id"])
    op.create_index("ix_device_invitations_expires_at", "device_invitations", ["expires_at"])
