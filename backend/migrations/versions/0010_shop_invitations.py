"""A shop's owner accepts other brands and limits the debt of each."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Existing links stay accepted and without a limit.
    op.add_column("brand_shops", sa.Column("pending", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("brand_shops", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("brand_shops", sa.Column("debt_most", sa.BigInteger(), nullable=True))
    op.add_column("brand_shops", sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("brand_shops", sa.Column("paid_statement", sa.BigInteger(), server_default="0", nullable=False))
