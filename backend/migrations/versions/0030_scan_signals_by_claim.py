"""Signals about claims are found by the claim, for the look-ups of the console."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not concurrently: signals are rare, so the table is small.
    op.create_index("ix_scan_signals_cause_cause_id", "scan_signals", ["cause", "cause_id"])
