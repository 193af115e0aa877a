"""When a staff session was last seen and last authenticated; since when a member has a second factor."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is not written into the rows that are there: safe on a big table.
    seen = sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    op.add_column("staff_sessions", seen)
    op.add_column("staff_sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("staff", sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True))
