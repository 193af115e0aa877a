"""Deadlines and reminders of waiting orders; which notes of staff the agent sees."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("decide_by", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_steps", sa.Column("is_shown", sa.Boolean(), server_default="false", nullable=False))
