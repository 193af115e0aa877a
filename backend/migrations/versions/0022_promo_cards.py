"""When stored cards were last requested, so that unused ones can be removed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promo_cards",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_promo_cards")),
    )
    op.create_index("ix_promo_cards_used_at", "promo_cards", ["used_at"])
