"""Record what had expired of a returned bonus: it is not clawed back again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is not written into the rows that are there: safe on a big table.
    for table, name in (("redemptions", "returned_expired"), ("reversals", "expired")):
        op.add_column(table, sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
