"""Whether a brand reviews receipts that no provider can verify."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("brands", sa.Column("reads_receipts", sa.Boolean(), server_default="true", nullable=False))
