"""Which pepper the hashes of staff's recovery codes are under."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO digest_keys (name) VALUES ('staff_recovery')")


def downgrade() -> None:
    op.execute("DELETE FROM digest_keys WHERE name = 'staff_recovery'")
