"""Indexes for the console: refused scans of a code, accruals of a period, the audit log."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_scans_refused": "scans (cause, cause_id, at) WHERE reason IS NOT NULL AND cause IS NOT NULL",
    "ix_accruals_at": "accruals USING brin (at) WITH (autosummarize = on)",
    "ix_events_staff": "events (brand_id, id) WHERE staff_id IS NOT NULL",
    "ix_events_staff_id": "events (id) WHERE staff_id IS NOT NULL",
}


def upgrade() -> None:
    # Concurrently: writes to large tables go on. An index that an earlier attempt left invalid is created again.
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
