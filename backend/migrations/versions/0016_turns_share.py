"""The part of a provider's daily quota that senders without history have used."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is not written into the rows that are there: safe on a big table.
    op.add_column("turns", sa.Column("used_share", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
