"""Let the owner undo a recovery: holds of devices, replaced devices, and whether a PIN is confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Existing PINs were set before a recovery code was required for it: they count as confirmed.
    default = sa.text("true")
    op.add_column("accounts", sa.Column("pin_is_confirmed", sa.Boolean(), server_default=default, nullable=False))
    op.add_column("devices", sa.Column("ended_by", sa.BigInteger(), nullable=True))
    op.add_column("devices", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("devices", sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
