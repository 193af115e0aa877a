"""Key rotation: sealed keys of slots, and the pepper of each kind of keyed hash."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slots", sa.Column("sealed_key", sa.LargeBinary(), nullable=True))
    op.create_table(
        "digest_keys",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("number", sa.SmallInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_digest_keys")),
    )
    op.execute("INSERT INTO digest_keys (name) VALUES ('listed_codes'), ('inn')")
