"""Makers, trade marks and exact aliases of products."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

LISTS = ("trade_marks", "exact_aliases")


def upgrade() -> None:
    op.add_column("products", sa.Column("maker", sa.String(length=100), server_default="", nullable=False))
    for name in LISTS:
        op.add_column("products", sa.Column(name, sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
