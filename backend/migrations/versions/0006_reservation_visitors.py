"""Store a keyed hash of the visitor's network with reservations from web pages."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reservations", sa.Column("visitor", sa.String(length=24), nullable=True))
