"""Awards of campaigns that stack, beside the one that a claim got first."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "additional_awards",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("cause_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("budgeted", sa.Boolean(), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_additional_awards")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_additional_awards_campaign_id")),
        sa.UniqueConstraint(
            "cause", "cause_id", "campaign_id", name=op.f("uq_additional_awards_cause_cause_id_campaign_id")
        ),
        sa.CheckConstraint("cause IN (1, 2, 3, 6)", name=op.f("ck_additional_awards_cause")),
        sa.CheckConstraint("returned >= 0", name=op.f("ck_additional_awards_returned")),
    )
    op.create_table(
        "additional_award_returns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("award_id", sa.BigInteger(), nullable=False),
        sa.Column("line_return_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_additional_award_returns")),
        sa.ForeignKeyConstraint(
            ["award_id"], ["additional_awards.id"], name=op.f("fk_additional_award_returns_award_id")
        ),
        sa.UniqueConstraint(
            "award_id", "line_return_id", name=op.f("uq_additional_award_returns_award_id_line_return_id")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_additional_award_returns_amount")),
    )
