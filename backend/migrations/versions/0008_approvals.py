"""Approvals by a second member of staff, and corrections by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Kind 9 is a debit by hand. NOT VALID: existing rows obey the narrower constraint of before, so no scan is needed.
PLACES = """
    ALTER TABLE movements DROP CONSTRAINT ck_movements_places, ADD CONSTRAINT ck_movements_places CHECK (
        kind * 10000000000 + from_place * 100000 + to_place IN (10000100002, 10000100003, 20000200003, 30000300004,
            40000400006, 50000400003, 60000300005, 70000200001, 70000300001, 80000700003, 90000300001)) NOT VALID
"""


def upgrade() -> None:
    op.execute(PLACES)
    op.add_column("brands", sa.Column("four_eyes", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("brand_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=8), server_default="waiting", nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), server_default="", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_approvals_amount")),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'declined', 'used')", name=op.f("ck_approvals_state")),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'used') OR coalesce(decided_by, requested_by) <> requested_by",
            name=op.f("ck_approvals_two_people"),
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_approvals_brand_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_approvals_decided_by")),
        sa.ForeignKeyConstraint(["requested_by"], ["staff.id"], name=op.f("fk_approvals_requested_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("brand_id", "key", name=op.f("uq_approvals_brand_id_key")),
    )
    op.create_index("ix_approvals_brand_id_id", "approvals", ["brand_id", "id"], unique=False)
    op.create_index(
        "ix_approvals_approved",
        "approvals",
        ["brand_id", "kind", "subject"],
        unique=False,
        postgresql_where="state = 'approved'",
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("brand_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_corrections_amount")),
        sa.CheckConstraint("amount > 0 OR expires_on IS NULL", name=op.f("ck_corrections_expires_on")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_corrections_account_id")),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.id"], name=op.f("fk_corrections_approval_id")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_corrections_brand_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programmes.id"], name=op.f("fk_corrections_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("approval_id", name=op.f("uq_corrections_approval_id")),
        sa.UniqueConstraint("brand_id", "key", name=op.f("uq_corrections_brand_id_key")),
    )
    op.create_index("ix_corrections_account_id", "corrections", ["account_id"], unique=False)
    op.create_index("ix_corrections_brand_id_id", "corrections", ["brand_id", "id"], unique=False)
    op.create_index(
        "ix_corrections_brand_id_done_at",
        "corrections",
        ["brand_id", "done_at"],
        unique=False,
        postgresql_where="done_at IS NOT NULL",
    )
