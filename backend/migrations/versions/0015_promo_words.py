"""Since when a promo code has its word, which a closed code may have released."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promo_codes", sa.Column("word_since", sa.DateTime(timezone=True), nullable=True))
