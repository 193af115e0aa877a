"""The check of movements' kinds, which 0008 added NOT VALID, is validated: reflection warns about such constraints."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Reads the table once; reads and writes go on meanwhile (ALTER TABLE ... VALIDATE CONSTRAINT in the manual).
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE movements VALIDATE CONSTRAINT ck_movements_places")
