"""A version of a campaign that takes effect later."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("next_version", sa.BigInteger(), nullable=True))
    op.add_column("campaigns", sa.Column("next_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_campaigns_next_at", "campaigns", ["next_at"], unique=False, postgresql_where=sa.text("next_at IS NOT NULL")
    )
