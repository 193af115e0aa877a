"""The audit log of staff: a list and an export."""
