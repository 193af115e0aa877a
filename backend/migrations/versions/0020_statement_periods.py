"""Statements for a past period."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("statements", sa.Column("through", sa.Date(), nullable=True))
    op.add_column("statements", sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("statements", sa.Column("settled_due", sa.BigInteger(), nullable=True))
